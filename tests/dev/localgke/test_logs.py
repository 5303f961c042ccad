import pytest

from localgke.deletion import delete

LINES = b"""\
2025-01-01T00:00:01.000000001Z stdout F one
2025-01-01T00:00:02.000000001Z stderr F two
2025-01-01T00:00:03.000000001Z stdout P thr
2025-01-01T00:00:03.500000001Z stdout F ee
2025-01-01T00:00:04.000000001Z stdout F 50%\r100%
"""
ENDED = {"terminated": {"exitCode": 0}}
LOG = "/api/v1/namespaces/default/pods/p/log"


@pytest.fixture
def pod(api):
    """Makes the Pod `p` of one container and one file of LINES for each run of it."""
    api.store.create("nodes", {"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n"}})

    def make(state, last_state=None, runs=1, node="n", containers=("main",)):
        status = {"name": "main", "state": state, "lastState": last_state or {}, "restartCount": runs - 1}
        made = api.store.create(
            "pods",
            {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {"name": "p", "namespace": "default"},
                "spec": {"nodeName": node, "containers": [{"name": name} for name in containers]},
                "status": {"phase": "Running", "containerStatuses": [status]},
            },
        )
        directory = api.state / "logs" / made["metadata"]["uid"]
        directory.mkdir(parents=True)
        for run in range(runs):
            (directory / f"main.{run}.log").write_bytes(
                LINES if run == runs - 1 else b"2025-01-01T00:00:00Z stdout F old\n"
            )
        return directory / f"main.{runs - 1}.log"

    return make


def read(api, **query):
    async def scenario(client):
        async with client.get(LOG, params=query) as response:
            body = await response.read()
            return body.decode() if response.status == 200 else (response.status, (await response.json())["message"])

    return api.run(scenario)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "one\ntwo\nthree\n50%\r100%\n"),
        ({"container": "main", "follow": "true"}, "one\ntwo\nthree\n50%\r100%\n"),
        ({"tailLines": "2"}, "three\n50%\r100%\n"),
        ({"tailLines": "0"}, ""),
        ({"limitBytes": "5"}, "one\nt"),
        ({"tailLines": "2", "limitBytes": "4"}, "thre"),
        ({"sinceTime": "2025-01-01T00:00:03Z"}, "three\n50%\r100%\n"),
        ({"sinceTime": "2025-01-01T00:00:05Z"}, ""),
        (
            {"timestamps": "true", "tailLines": "2"},
            "2025-01-01T00:00:03.000000001Z three\n2025-01-01T00:00:04.000000001Z 50%\r100%\n",
        ),
    ],
)
def test_the_log_of_an_ended_container_is_cut_according_to_the_query(api, pod, query, text):
    pod(ENDED)
    assert read(api, **query) == text


@pytest.mark.parametrize(
    ("given", "text"), [("True", "03.000000001Z three"), ("", "03.000000001Z"), ("False", "three")]
)
def test_a_boolean_parameter_is_read_as_in_kubernetes(api, pod, given, text):
    pod(ENDED)
    assert read(api, timestamps=given, tailLines="2").removeprefix("2025-01-01T00:00:").startswith(text)


@pytest.mark.parametrize("true", ["true", "True"])  # kubectl, the Python client
def test_a_followed_log_ends_with_its_container_and_misses_no_last_line(api, pod, true):
    file = pod({"running": {}})

    async def scenario(client):
        async with client.get(LOG, params={"follow": true, "tailLines": "1"}) as response:
            first = await response.content.readline()
            with file.open("ab") as log:
                log.write(b"2025-01-01T00:00:05Z stdout F half of")
                log.flush()
                log.write(b" a line\n")
            now = api.store.get("pods", "default", "p")
            now["status"]["containerStatuses"][0]["state"] = ENDED
            api.store.update("pods", now)
            return first + await response.read()

    assert api.run(scenario) == b"50%\r100%\nhalf of a line\n"


def test_a_followed_log_ends_when_its_pod_is_removed(api, pod):
    pod({"running": {}})

    async def scenario(client):
        async with client.get(LOG, params={"follow": "true", "tailLines": "1"}) as response:
            await response.content.readline()
            delete(api.store, "pods", "default", "p", grace=0)
            return await response.read()

    assert api.run(scenario) == b""


def test_a_container_that_waits_to_be_restarted_shows_its_last_run(api, pod):
    pod({"waiting": {"reason": "CrashLoopBackOff"}}, last_state=ENDED, runs=2)
    assert read(api, follow="true", tailLines="1") == "50%\r100%\n"


def test_the_log_of_a_pod_whose_node_is_removed_is_not_found(api, pod):
    pod(ENDED, node="gone")
    assert read(api) == (404, 'pods "gone" not found')


def test_a_pod_without_a_node_has_an_empty_log(api, pod):
    pod({}, node="")
    assert read(api) == ""


@pytest.mark.parametrize(
    ("state", "query", "said"),
    [
        (
            {"waiting": {"reason": "ContainerCreating"}},
            {},
            'container "main" in pod "p" is waiting to start: ContainerCreating',
        ),
        ({"waiting": {"reason": "ImagePullBackOff"}}, {}, "is waiting to start: trying and failing to pull image"),
        ({"running": {}}, {"container": "x"}, "container x is not valid for pod p"),
        ({"running": {}}, {"limitBytes": "0"}, 'limitBytes: Invalid value: "0"'),
        ({"running": {}}, {"previous": "true"}, 'previous terminated container "main" in pod "p" not found'),
        ({"running": {}}, {"tailLines": "-1"}, 'tailLines: Invalid value: "-1"'),
        ({"running": {}}, {"sinceTime": "today"}, 'sinceTime: Invalid value: "today"'),
    ],
)
def test_a_missing_log_is_a_bad_request_with_the_kubelets_message(api, pod, state, query, said):
    pod(state)
    status, message = read(api, **query)
    assert status == 400
    assert said in message


def test_a_log_request_for_a_pod_with_two_containers_must_name_one(api, pod):
    pod(ENDED, containers=("main", "side"))
    assert read(api) == (400, "a container name must be specified for pod p, choose one of: [main side]")


def test_the_log_of_the_run_before_the_last_restart(api, pod):
    pod({"running": {}}, ENDED, runs=2)
    assert read(api, previous="true") == "old\n"
