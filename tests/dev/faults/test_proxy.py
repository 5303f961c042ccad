"""The proxy without faults, and each fault on new requests, with the real kubectl in front of the stand-in."""

import re
import shutil
import subprocess
import time

import pytest

from faults.__main__ import count_of
from faults.conftest import GONE, JOBS, WATCH, faults
from localgke.conftest import localgke
from polling import wait_until

# Go's error for a cut connection depends on the state of the connection.
CUT = re.compile(r"EOF|closed network connection|connection reset by peer|broken pipe")


# Without faults


def test_watches_come_event_by_event(proxy):
    watch = proxy.running_watch("before")
    assert proxy.create_job("after", suspend=True).returncode == 0
    watch.until('"after"')
    assert watch.runs


def test_logs_come_line_by_line(proxy):
    log = proxy.running_log("talks", "echo first; sleep 1; echo second; sleep 1000").until("second")
    assert log.runs


def test_a_large_log_is_passed_on_whole(proxy):
    proxy.running_log("large", "seq 100000; echo first; sleep 1000")
    got = proxy.kubectl("logs", "job/large").stdout.splitlines()
    assert got == [*map(str, range(1, 100001)), "first"]


def test_headers_are_those_of_the_client(proxy):
    """kubectl sends this body without a Content-Type, and the API server accepts it."""
    assert proxy.create_job("removed", suspend=True).returncode == 0
    options = '{"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}'
    done = proxy.kubectl("delete", "--raw", f"{JOBS}/removed", "--filename", "-", stdin=options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "NotFound" in proxy.kubectl("get", "job", "removed").stderr


def test_every_token_of_the_cluster_works_through_it(proxy):
    assert proxy.kubectl("--token", "viewer-token", "get", "jobs").returncode == 0
    denied = proxy.kubectl("--token", "viewer-token", "delete", "jobs", "--all")
    assert "viewer@localgke-project" in denied.stderr
    assert "Unauthorized" in proxy.kubectl("--token", "nobody", "get", "jobs").stderr


@pytest.mark.skipif(not shutil.which("gke-gcloud-auth-plugin"), reason="needs gcloud and gke-gcloud-auth-plugin")
def test_get_credentials_leads_to_it(proxy, tmp_path):
    env = {**proxy.env, "KUBECONFIG": str(tmp_path / "kubeconfig")}
    command = ("gcloud", "container", "clusters", "get-credentials", env["LOCALGKE_CLUSTER"])
    options = ("--location", env["LOCALGKE_LOCATION"], "--project", env["LOCALGKE_PROJECT"])
    subprocess.run((*command, *options), env=env, check=True, capture_output=True, timeout=60)
    proxy.set("read:status=500")
    assert "InternalError" in proxy.kubectl("get", "jobs", KUBECONFIG=env["KUBECONFIG"]).stderr


# New requests


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (401, "error: You must be logged in to the server (Unauthorized)"),
        (
            403,
            'Error from server (Forbidden): jobs.batch "x" is forbidden: '
            'User "admin@localgke-project.iam.gserviceaccount.com" cannot get resource "jobs" in API group "batch" '
            'in the namespace "default"',
        ),
        (500, "Error from server (InternalError): Internal error occurred: etcdserver: leader changed"),
        (503, "Error from server (ServiceUnavailable): the server is currently unable to handle the request"),
        (504, "Error from server (Timeout): Timeout: request did not complete within requested timeout"),
    ],
)
def test_status_answers_as_an_api_server_does(proxy, code, said):
    proxy.set(f"status={code}")
    assert proxy.kubectl("get", "job", "x").stderr.startswith(said)


def test_kubectl_retries_after_429(proxy):
    before = proxy.count()["read"]
    proxy.set("read:status=429:2")
    begin = time.monotonic()
    assert proxy.kubectl("get", "jobs").returncode == 0
    assert time.monotonic() - begin >= 2
    assert proxy.count()["read"] == before + 3


def test_a_dropped_request_does_not_arrive(proxy):
    proxy.set("create:drop:1")
    assert CUT.search(proxy.create_job("dropped", suspend=True).stderr)
    assert "NotFound" in proxy.kubectl("get", "job", "dropped").stderr


def test_a_lost_request_is_executed_without_an_answer(proxy):
    proxy.set("create:lose:1")
    assert CUT.search(proxy.create_job("lost", suspend=True).stderr)
    assert proxy.kubectl("get", "job", "lost").returncode == 0


def test_drop_after_bytes_cuts_an_answer_in_its_middle(proxy):
    whole = proxy.kubectl("get", "--raw", JOBS).stdout
    proxy.set("read:drop=20:1")
    cut = proxy.kubectl("get", "--raw", JOBS)
    assert (cut.returncode, cut.stdout) == (1, whole[:20])
    assert "unexpected EOF" in cut.stderr


def test_gone_is_410_for_a_read(proxy):
    proxy.set("gone")
    assert proxy.kubectl("get", "jobs").stderr == f"Error from server (Expired): {GONE}\n"


def test_gone_is_an_error_event_for_a_new_watch(proxy):
    proxy.set("watch:gone:1")
    watch = proxy.kubectl(*WATCH)
    assert (watch.returncode, watch.stdout.count("\n")) == (0, 1)
    assert '"type": "ERROR"' in watch.stdout
    assert GONE in watch.stdout


def test_end_ends_a_new_watch_before_it_begins(proxy):
    proxy.create_job("seen", suspend=True)
    proxy.set("watch:end:1")
    ended = proxy.kubectl(*WATCH)
    assert (ended.returncode, ended.stdout) == (0, "")


def test_delay_comes_before_the_answer(proxy):
    proxy.set("read:delay=1:1")
    begin = time.monotonic()
    assert proxy.kubectl("get", "jobs").returncode == 0
    assert time.monotonic() - begin >= 1


def test_a_delay_ends_with_the_fault(proxy):
    before = proxy.count()["struck"]
    proxy.set("read:delay=1000")
    late = proxy.start("get", "jobs", "--output", "name")
    wait_until(lambda: proxy.count()["struck"] > before)
    proxy.clear()
    assert late.end()[0] == 0


def test_blackhole_never_answers_until_it_is_cleared(proxy):
    before = proxy.count()["struck"]
    proxy.set("list:blackhole")
    waiting = proxy.start("get", "jobs")
    wait_until(lambda: proxy.count()["struck"] > before)
    assert "NotFound" in proxy.kubectl("get", "job", "never-was").stderr  # another request passes
    assert waiting.runs
    proxy.clear()
    assert waiting.end()[0] == 0


def test_refuse_stops_listening_until_it_is_cleared(proxy):
    proxy.set("refuse")
    assert "was refused" in proxy.kubectl("get", "jobs").stderr
    proxy.clear()
    assert proxy.kubectl("get", "jobs").returncode == 0


def test_a_fault_for_a_path_leaves_the_others_alone(proxy):
    proxy.set("read/namespaces/kube-system/jobs:status=500")
    assert proxy.kubectl("get", "jobs").returncode == 0
    assert "InternalError" in proxy.kubectl("get", "jobs", "--namespace", "kube-system").stderr


def test_a_fault_with_a_number_applies_that_many_times(proxy):
    proxy.set("read:status=500:2")
    assert [proxy.kubectl("get", "jobs").returncode for _ in range(3)] == [1, 1, 0]


def test_new_faults_replace_the_old_ones(proxy):
    proxy.set("read:status=500", "write:status=503")
    assert "InternalError" in proxy.kubectl("get", "jobs").stderr
    assert "ServiceUnavailable" in proxy.create_job("never", suspend=True).stderr
    proxy.set("write:status=504")
    assert proxy.kubectl("get", "jobs").returncode == 0
    assert "Timeout" in proxy.create_job("never", suspend=True).stderr


# The counts


def test_it_counts_new_requests_by_kind(proxy):
    watch = proxy.running_watch("counted")
    before = proxy.count()
    assert proxy.kubectl("get", "job", "counted").returncode == 0
    assert proxy.kubectl("annotate", "job", "counted", "a=b").returncode == 0  # reads it first
    watch.until('"a": "b"')
    more = {kind: number - before[kind] for kind, number in proxy.count().items() if number != before[kind]}
    assert more == {"any": 3, "read": 2, "get": 2, "write": 1, "patch": 1}


def test_it_counts_the_requests_of_a_namespace(proxy):
    assert count_of(proxy.state, "ml-jobs") == {}
    proxy.kubectl("get", "jobs", "--namespace", "ml-jobs")
    proxy.kubectl("get", "jobs")
    assert count_of(proxy.state, "ml-jobs") == {"any": 1, "read": 1, "list": 1}


def test_a_connection_that_the_api_server_cuts_is_cut_for_the_client(tmp_path):
    assert localgke("start", "--state", tmp_path / "cluster").returncode == 0
    assert faults("start", "--state", tmp_path / "faults", "--upstream", tmp_path / "cluster").returncode == 0
    assert localgke("stop", "--state", tmp_path / "cluster").returncode == 0
    kubectl = ("kubectl", "--kubeconfig", str(tmp_path / "faults" / "kubeconfig"), "create", "--raw", JOBS)
    done = subprocess.run((*kubectl, "--filename", "-"), input="{}", capture_output=True, text=True, timeout=60)
    assert faults("stop", "--state", tmp_path / "faults").returncode == 0
    assert CUT.search(done.stderr)
