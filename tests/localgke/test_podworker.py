"""What becomes of a Pod that has a node, driven through the store."""

from pathlib import Path

from localgke.bare_cluster import Cluster, main_container, on_cluster
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
async def test_a_termination_message_keeps_its_last_4096_bytes(cluster: Cluster) -> None:
    cluster.pod("p", "{ echo start; head -c 5000 /dev/zero | tr '\\0' x; } > /dev/termination-log")
    state = main_container(await cluster.phase("p", "Succeeded"))["state"]["terminated"]
    assert state["message"] == "x" * 4096


@on_cluster()
async def test_a_command_that_does_not_exist_is_a_start_error(cluster: Cluster) -> None:
    cluster.pod("p", command=["no-such-program"])
    state = main_container(await cluster.phase("p", "Failed"))["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert state["message"].endswith('exec: "no-such-program": executable file not found in $PATH')


@on_cluster(broken={"private/model:1": "failed to authorize: 403 Forbidden"})
async def test_an_image_that_cannot_be_pulled_is_tried_again_and_again(cluster: Cluster) -> None:
    cluster.pod("private", "true", image="private/model:1")
    cluster.pod("unknown", "true", image="no-such:1")
    assert "failed to authorize: 403 Forbidden" in await cluster.waiting("private", "ErrImagePull")
    assert "no-such:1: not found" in await cluster.waiting("unknown", "ImagePullBackOff")
    await cluster.waiting("unknown", "ErrImagePull")
    assert {"Pulling", "Failed", "BackOff"} <= {reason for reason, _ in cluster.events("unknown")}
    assert cluster.store.get(PODS, "default", "unknown")["status"]["phase"] == "Pending"


@on_cluster(images={"train:1": Image("train:1", {"/app": Path(__file__).parent})})
async def test_an_image_brings_its_directories(cluster: Cluster) -> None:
    cluster.pod("p", "cd /app && ls test_kubelet.py", image="train:1")
    await cluster.phase("p", "Succeeded", "Failed")
    assert cluster.log("p") == "test_kubelet.py\n"


@on_cluster()
async def test_a_container_without_a_command_is_refused(cluster: Cluster) -> None:
    cluster.pod("p", command=[])
    assert "must name a command" in await cluster.waiting("p", "CreateContainerConfigError")


@on_cluster()
async def test_a_pod_starts_once_the_configmap_that_it_needs_is_there(cluster: Cluster) -> None:
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
    missing = ("FailedMount", 'MountVolume.SetUp failed: secret "key" not found')
    await cluster.until(lambda: missing in cluster.events("p"))
    await cluster.waiting("p", "ContainerCreating")
    cluster.create("secrets", "Secret", "key", data={"token": "aHVzaA=="})
    await cluster.phase("p", "Succeeded")
    assert cluster.log("p") == "hush\n"


@on_cluster()
async def test_a_container_is_restarted_on_failure_after_a_backoff(cluster: Cluster) -> None:
    marks = {"volumes": [{"name": "marks", "emptyDir": {}}], "restartPolicy": "OnFailure"}
    script = "echo x >> /marks/runs; cat /marks/runs | wc -l; test $(cat /marks/runs | wc -l) = 3"
    cluster.pod("p", script, spec=marks, volumeMounts=[{"name": "marks", "mountPath": "/marks"}])
    assert await cluster.waiting("p", "CrashLoopBackOff") == "Back-off restarting failed container c in pod p"
    status = main_container(await cluster.phase("p", "Succeeded"))
    assert status["restartCount"] == 2
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert [cluster.log("p", restart=number) for number in range(3)] == ["1\n", "2\n", "3\n"]
