import pytest

from faults.rules import Fault, FaultError, Request, strike

JOBS = "/apis/batch/v1/namespaces/default/jobs"
READ = Request.of("GET", JOBS, {})
WATCH = Request.of("GET", JOBS, {"watch": "true"})
VERSION = Request.of("GET", "/version", {})
LOG = Request.of("GET", "/api/v1/namespaces/default/pods/a/log", {"follow": "true"})


@pytest.mark.parametrize(
    ("method", "path", "query", "kinds"),
    [
        ("GET", JOBS, {}, {"read", "list"}),
        ("GET", f"{JOBS}/a", {}, {"read", "get"}),
        ("GET", f"{JOBS}/a/status", {}, {"read", "get"}),
        ("GET", "/api/v1/namespaces/default", {}, {"read", "get"}),
        ("GET", "/api/v1/nodes", {"watch": "false"}, {"read", "list"}),
        ("GET", JOBS, {"watch": "1"}, {"watch"}),
        ("GET", JOBS, {"watch": "true"}, {"watch"}),
        ("GET", "/api/v1/namespaces/default/pods/a/log", {}, {"log"}),
        ("POST", JOBS, {}, {"write", "create"}),
        ("PUT", f"{JOBS}/a", {}, {"write", "update"}),
        ("PATCH", f"{JOBS}/a", {}, {"write", "patch"}),
        ("DELETE", f"{JOBS}/a", {}, {"write", "delete"}),
        ("GET", "/api", {}, {"discovery"}),
        ("GET", "/apis/batch/v1", {}, {"discovery"}),
        ("GET", "/version", {}, {"discovery"}),
    ],
)
def test_the_kinds_of_a_request_follow_from_method_path_and_query(method, path, query, kinds):
    assert Request.of(method, path, query).kinds == {"any", *kinds}


def test_a_request_knows_its_object():
    request = Request.of("GET", "/apis/batch/v1/namespaces/ml/jobs/train/status", {})
    assert (request.group, request.resource, request.namespace, request.name) == ("batch", "jobs/status", "ml", "train")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "end:",
        ":end",
        "reads:end",
        "watch:stop",
        "status",
        "status=404",
        "delay",
        "delay=soon",
        "drop=-1",
        "end=1",
        "end:0",
        "watch:refuse",
        "refuse:1",
        "status=500:now",
        "delay=1:now",
        "lose:now",
        "read/(:drop",
    ],
)
def test_an_invalid_fault_is_an_error_of_one_line(text):
    with pytest.raises(FaultError, match=r"^'.*' is not a fault: [^\n]+$"):
        Fault.parse(text)


@pytest.mark.parametrize(
    ("text", "struck"),
    [
        ("drop", [READ, WATCH, LOG, VERSION]),
        ("read:status=500", [READ]),
        ("watch:gone", [WATCH]),
        ("log:blackhole", [LOG]),
        ("any/jobs$:delay=0.5", [READ, WATCH]),
        ("any/pods/a:lose", [LOG]),
        ("write:drop", []),
        ("end", [WATCH, LOG]),
        ("drop:now", []),
        ("status=401", [READ, WATCH, LOG, VERSION]),
        ("status=403", [READ, WATCH, LOG]),
    ],
)
def test_the_requests_that_a_fault_applies_to(text, struck):
    fault = Fault.parse(text)
    assert [request for request in (READ, WATCH, LOG, VERSION) if strike([fault], request)] == struck


@pytest.mark.parametrize(
    ("text", "struck"),
    [
        ("drop", [WATCH, LOG]),
        ("end:now", [WATCH, LOG]),
        ("gone", [WATCH]),
        ("log:blackhole", [LOG]),
        ("status=500", []),
        ("delay=1", []),
        ("lose", []),
    ],
)
def test_the_running_streams_that_a_fault_applies_to(text, struck):
    fault = Fault.parse(text)
    assert [request for request in (WATCH, LOG) if strike([fault], request, running=True)] == struck


def test_a_fault_applies_the_given_number_of_times_then_the_next_one_applies():
    faults = [Fault.parse("read:status=500:2"), Fault.parse("any:status=503:1")]
    found = [strike(faults, READ) for _ in range(4)]
    assert [fault and fault.code for fault in found] == [500, 500, 503, None]
