"""A Pod with a node, with the store."""

from pathlib import Path

from localgke.bare_cluster import Cluster, main_container, on_cluster, pod_spec
from localgke.config import Image
from localgke.objects import PODS, is_true


@on_cluster()
async def test_a_pod_succeeds_with_its_output_in_the_log_and_its_message_in_the_status(cluster: Cluster) -> None:
    cluster.pod("p", "echo out; echo '{\"accuracy\": 0.9}' > /dev/termination-log")
    status = await cluster.phase("p", "Succeeded", "Failed")
    state = main_container(status)["state"]["terminated"]
    assert (state["exitCode"], state["reason"], state["message"]) == (0, "Completed", '{"accuracy": 0.9}\n')
    assert status["podIP"] == "127.0.0.1"
    assert cluster.log("p") == "out\n"
    assert [reason for reason, _ in cluster.events("p")] == ["Scheduled", "Pulled", "Created", "Started"]


@on_cluster()
async def test_a_pod_is_ready_while_it_runs(cluster: Cluster) -> None:
    cluster.pod("p", "exec sleep 600")
    await cluster.phase("p", "Running")
    pod = cluster.store.get(PODS, "default", "p")
    assert all(is_true(pod, kind) for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"))
    assert "startedAt" in main_container(pod["status"])["state"]["running"]


@on_cluster()
async def test_a_pod_fails_with_the_exit_code_of_its_container(cluster: Cluster) -> None:
    cluster.pod("p", "echo broken; exit 42", terminationMessagePolicy="FallbackToLogsOnError")
    state = main_container(await cluster.phase("p", "Succeeded", "Failed"))["state"]["terminated"]
    assert (state["exitCode"], state["reason"], state["message"]) == (42, "Error", "broken\n")


@on_cluster()
async def test_a_container_whose_processes_exceed_its_memory_limit_is_killed(cluster: Cluster) -> None:
    grow = "python3 -c 'import time; held = b\"x\" * (96 << 20); time.sleep(600)'"
    limit = {"limits": {"memory": "64Mi"}}
    cluster.pod("p", f"{grow}; echo not reached", resources=limit)
    cluster.pod("q", "exec sleep 1", resources=limit)
    state = main_container(await cluster.phase("p", "Succeeded", "Failed"))["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")
    assert cluster.log("p") == ""
    await cluster.phase("q", "Succeeded")


@on_cluster()
async def test_a_termination_message_keeps_its_last_4096_bytes(cluster: Cluster) -> None:
    cluster.pod("p", "{ echo start; head -c 5000 /dev/zero | tr '\\0' x; } > /dev/termination-log")
    state = main_container(await cluster.phase("p", "Succeeded"))["state"]["terminated"]
    assert state["message"] == "x" * 4096


@on_cluster()
async def test_a_command_that_does_not_exist_is_a_start_error(cluster: Cluster) -> None:
    cluster.pod("p", command=["no-such-program"])
    state = main_container(await cluster.phase("p", "Failed"))["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert state["message"].startswith("failed to create containerd task: failed to create shim task: OCI runtime ")
    assert state["message"].endswith('exec: "no-such-program": executable file not found in $PATH')
    assert ("Failed", f"Error: {state['message']}") in cluster.events("p")


@on_cluster(broken={"private/model:1": "failed to authorize: 403 Forbidden"})
async def test_an_image_that_cannot_be_pulled_is_retried(cluster: Cluster) -> None:
    cluster.pod("private", "true", image="private/model:1")
    cluster.pod("unknown", "true", image="no-such:1")
    assert "failed to authorize: 403 Forbidden" in await cluster.waiting("private", "ErrImagePull")
    waiting = await cluster.waiting("unknown", "ImagePullBackOff")
    assert waiting.startswith('Back-off pulling image "no-such:1": ErrImagePull: rpc error: code = NotFound desc = ')
    assert waiting.endswith("no-such:1: not found")
    await cluster.waiting("unknown", "ErrImagePull")
    error = 'failed to pull and unpack image "no-such:1": failed to resolve reference "no-such:1": no-such:1: not found'
    error = f"rpc error: code = NotFound desc = {error}"
    assert cluster.events("unknown")[-5:] == [
        ("Pulling", 'Pulling image "no-such:1"'),
        ("Failed", f'Failed to pull image "no-such:1": {error}'),
        ("Failed", "Error: ErrImagePull"),
        ("BackOff", 'Back-off pulling image "no-such:1"'),
        ("Failed", "Error: ImagePullBackOff"),
    ]
    assert cluster.store.get(PODS, "default", "unknown")["status"]["phase"] == "Pending"


@on_cluster(images={"train:1": Image("train:1", {"/app": Path(__file__).parent})})
async def test_a_container_has_the_directories_of_its_image(cluster: Cluster) -> None:
    cluster.pod("p", "cd /app && ls test_kubelet.py", image="train:1")
    await cluster.phase("p", "Succeeded", "Failed")
    assert cluster.log("p") == "test_kubelet.py\n"


@on_cluster()
async def test_a_container_without_a_command_is_refused(cluster: Cluster) -> None:
    cluster.pod("p", command=[])
    assert "must name a command" in await cluster.waiting("p", "CreateContainerConfigError")


@on_cluster()
async def test_a_pod_starts_once_its_configmap_exists(cluster: Cluster) -> None:
    reference = {"configMapKeyRef": {"name": "settings", "key": "rate"}}
    cluster.pod("p", "echo $RATE", env=[{"name": "RATE", "valueFrom": reference}])
    assert await cluster.waiting("p", "CreateContainerConfigError") == 'configmap "settings" not found'
    cluster.create("configmaps", "ConfigMap", "settings", data={"rate": "0.1"})
    await cluster.phase("p", "Succeeded")
    assert cluster.log("p") == "0.1\n"


@on_cluster()
async def test_a_pod_waits_for_the_secret_that_a_volume_needs(cluster: Cluster) -> None:
    volumes = [{"name": "key", "secret": {"secretName": "key"}}]
    mounts = [{"name": "key", "mountPath": "/etc/key"}]
    cluster.pod("p", "cat /etc/key/token", spec={"volumes": volumes}, volumeMounts=mounts)
    missing = ("FailedMount", 'MountVolume.SetUp failed for volume "key" : secret "key" not found')
    await cluster.until(lambda: missing in cluster.events("p"))
    await cluster.waiting("p", "ContainerCreating")
    conditions = cluster.store.get("pods", "default", "p")["status"]["conditions"]
    assert {"PodReadyToStartContainers": "False"}.items() <= {one["type"]: one["status"] for one in conditions}.items()
    cluster.create("secrets", "Secret", "key", data={"token": "aHVzaA=="})
    await cluster.phase("p", "Succeeded")
    assert cluster.log("p") == "hush\n"


@on_cluster()
async def test_a_container_is_restarted_on_failure_after_a_backoff(cluster: Cluster) -> None:
    marks = {"volumes": [{"name": "marks", "emptyDir": {}}], "restartPolicy": "OnFailure"}
    script = "echo x >> /marks/runs; cat /marks/runs | wc -l; test $(cat /marks/runs | wc -l) = 3"
    made = cluster.pod("p", script, spec=marks, volumeMounts=[{"name": "marks", "mountPath": "/marks"}])
    pod = f"p_default({made['metadata']['uid']})"
    waiting = f"back-off 0.05s restarting failed container=c pod={pod}"
    assert await cluster.waiting("p", "CrashLoopBackOff") == waiting
    assert ("BackOff", f"Back-off restarting failed container c in pod {pod}") in cluster.events("p")
    status = main_container(await cluster.phase("p", "Succeeded"))
    assert status["restartCount"] == 2
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert [cluster.log("p", restart=number) for number in range(3)] == ["1\n", "2\n", "3\n"]


@on_cluster()
async def test_the_first_restart_has_no_delay(cluster: Cluster) -> None:
    marks = {"volumes": [{"name": "marks", "emptyDir": {}}], "restartPolicy": "OnFailure"}
    script = "echo x >> /marks/runs; test $(cat /marks/runs | wc -l) = 2"
    cluster.pod("p", script, spec=marks, volumeMounts=[{"name": "marks", "mountPath": "/marks"}])
    await cluster.phase("p", "Succeeded")
    assert "BackOff" not in [reason for reason, _ in cluster.events("p")]


@on_cluster()
async def test_the_pull_policy_of_an_image_applies(cluster: Cluster) -> None:
    cluster.pod("always", "true", imagePullPolicy="Always")
    cluster.pod("never", "true", image="no-such:1", imagePullPolicy="Never")
    await cluster.phase("always", "Succeeded")
    assert [reason for reason, _ in cluster.events("always")] == [
        "Scheduled",
        "Pulling",
        "Pulled",
        "Created",
        "Started",
    ]
    message = 'Container image "no-such:1" is not present with pull policy of Never'
    assert await cluster.waiting("never", "ErrImageNeverPull") == message
    assert ("ErrImageNeverPull", message) in cluster.events("never")


@on_cluster()
async def test_a_container_that_ended_is_shown_while_another_runs(cluster: Cluster) -> None:
    second = pod_spec("exec sleep 600", {"name": "d"}, None)["containers"]
    cluster.pod("p", spec={"containers": [*pod_spec("exit 3", {}, None)["containers"], *second]})

    def ended() -> bool:
        statuses = cluster.store.get(PODS, "default", "p")["status"].get("containerStatuses", [])
        return [[*item["state"]] for item in statuses] == [["terminated"], ["running"]]

    await cluster.until(ended)
    status = cluster.store.get(PODS, "default", "p")["status"]
    assert status["phase"] == "Running"
    ready = next(item for item in status["conditions"] if item["type"] == "Ready")
    assert (ready["reason"], ready["message"]) == ("ContainersNotReady", "containers with unready status: [c]")


@on_cluster()
async def test_a_container_that_never_ran_has_an_unknown_status_when_its_pod_ends(cluster: Cluster) -> None:
    cluster.pod("p", "true", image="no-such:1")
    await cluster.waiting("p", "ErrImagePull")
    cluster.change(PODS, "p", lambda pod: pod["metadata"].update(finalizers=["test/keep"]))
    cluster.delete(PODS, "p")
    state = main_container(await cluster.phase("p", "Failed"))["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (137, "ContainerStatusUnknown")


@on_cluster()
async def test_a_pod_reads_from_a_bucket_what_another_pod_wrote(cluster: Cluster) -> None:
    source = {"driver": "gcsfuse.csi.storage.gke.io", "volumeAttributes": {"bucketName": "ml-checkpoints"}}
    mount = [{"name": "b", "mountPath": "/data"}]
    for name, script in (("writer", "echo 7 >/data/step"), ("reader", "cat /data/step")):
        spec = pod_spec(script, {"volumeMounts": mount, "securityContext": {"runAsUser": 65532}}, None)
        spec["volumes"] = [{"name": "b", "csi": source}]
        meta = {"annotations": {"gke-gcsfuse/volumes": "true"}}
        cluster.create(PODS, "Pod", name, spec=spec, metadata=meta, status={"phase": "Pending"})
        await cluster.phase(name, "Succeeded")
    assert cluster.log("reader") == "7\n"
