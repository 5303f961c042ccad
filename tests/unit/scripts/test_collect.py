"""The command behind collect-job."""

import json

import pytest
from fake_connection import error
from test_results import pod

from gke_jobs import captured, collect
from gke_jobs.results import result_of

JOB, PODS = "/apis/batch/v1/namespaces/ml/jobs/train", "/api/v1/namespaces/ml/pods"


def job(condition="Complete", completions=None, **status):
    conditions = [{"type": condition, "status": "True"}] if condition else []
    mode = {"completionMode": "Indexed", "completions": completions} if completions is not None else {"completions": 1}
    return {"metadata": {"uid": "u"}, "spec": mode, "status": {"conditions": conditions, **status}}


def owned(*pods, uid="u"):
    owner = [{"controller": True, "kind": "Job", "uid": uid}]
    return [found | {"metadata": found["metadata"] | {"ownerReferences": owner}} for found in pods]


@pytest.fixture
def collected(run_command):
    def run(found_job, pods=(), *options):
        answers = {PODS: {"items": list(pods)}} | ({} if found_job is None else {JOB: found_job})
        return run_command(collect, answers, "--namespace", "ml", "--job", "train", *options)

    return run


def test_the_result_is_one_line_of_compact_json(collected):
    assert collected(job(), owned(pod('{"a": "\u00e9\\n::endgroup::", "b":\n [1, 2]}'))) == (
        0,
        '{"a":"\u00e9\\n\\u003a:endgroup::","b":[1,2]}\n',
        "",
    )


@pytest.mark.parametrize("condition", ["Complete", "SuccessCriteriaMet"])
def test_a_job_that_has_succeeded(collected, condition):
    assert collected(job(condition), owned(pod("5")))[:2] == (0, "5\n")


@pytest.mark.parametrize(
    ("found", "options", "status", "said"),
    [
        (job("Failed"), [], 1, "Job train failed: it has no result"),
        (job("Failed"), ["--partial"], 1, "Job train failed: it has no result"),
        (job("Failed", completions=2), [], 1, "Job train failed: it has no result"),
        (job("FailureTarget"), ["--partial"], 75, "Job train is not finished"),
        (job(""), [], 75, "Job train is not finished"),
        ({"metadata": {"uid": "u"}}, [], 75, "Job train is not finished"),
        (None, [], 78, 'jobs.batch "train" not found'),
        (job(), ["--uid", "v"], 78, "Job train has uid u, not v: the Job was deleted and another Job has its name"),
        (error(403, "no Role"), [], 77, "cannot collect Job train: no Role: ask for a Role"),
        (error(503, "no answer"), ["--unreachable-timeout", "0"], 69, "cannot collect Job train: no answer: "),
    ],
)
def test_a_job_without_a_result(collected, found, options, status, said):
    code, out, err = collected(found, (), *options)
    assert (code, out) == (status, "")
    assert err.startswith(f"gke-job: {said}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("message", ["x" * 4096, "[" * 1500 + "]" * 1500])
def test_s8_what_is_no_result_is_65_and_why(collected, message):
    code, out, err = collected(job(), owned(pod(message)))
    assert (code, out, err.count("\n")) == (65, "", 1)
    assert err.startswith("gke-job: Pod pod-1: result ")


def test_s3_the_pod_of_a_stranger_with_our_labels_has_no_result_of_ours(collected):
    strangers = [pod('"of a stranger"', end="23:59:59"), *owned(pod('"of another"'), uid="another")]
    assert collected(job(succeeded=1), [*strangers, *owned(pod("5"))]) == (0, "5\n", "")
    code, out, err = collected(job(succeeded=1), strangers)
    assert (code, out) == (0, "null\n")
    assert err == "gke-job: 1 of 1 succeeded Pods no longer exist, their results are missing\n"


def test_pods_that_are_gone_are_said_and_the_rest_is_the_result(collected):
    code, out, err = collected(job(completions=3, succeeded=3), owned(pod("5", index=1)))
    assert (code, out) == (0, "[null,5,null]\n")
    assert err == "gke-job: 2 of 3 succeeded Pods no longer exist, their results are missing\n"


def test_of_a_failed_indexed_job_the_part_that_there_is(collected):
    pods = owned(pod("5", index=1), pod("x" * 4096, index=0), pod("6", index=2, phase="Failed"))
    code, out, err = collected(job("Failed", completions=4), pods, "--partial")
    assert (code, out) == (0, "[null,5,null,null]\n")
    assert err.splitlines()[0].startswith("gke-job: Pod pod-1: result truncated at 4096 bytes; ")
    assert err.splitlines()[1] == "gke-job: the Job failed: 3 of 4 indexes have no result, the value of each is null"


def test_v5_what_the_follower_has_seen_is_not_lost(collected, tmp_path):
    file = tmp_path / "results-u.json"
    seen = [result_of(found) for found in (pod("1", index=0), pod("2", index=1))]
    captured.write(file, job(completions=2, succeeded=2), seen)
    result = collected(job(completions=2, succeeded=2), owned(pod("3", index=1)), "--captured", str(file))
    assert result == (0, "[1,3]\n", "")
    gone = collected(None, (), "--captured", str(file), "--uid", "u")
    assert gone == (
        0,
        "[1,2]\n",
        "gke-job: Job train no longer exists: collecting the results that were recorded before its removal\n",
    )
    assert collected(None, (), "--captured", str(file), "--uid", "v")[0] == 78
    captured.write(file, job("Failed", completions=2), seen)
    assert collected(None, (), "--captured", str(file), "--uid", "u")[0] == 78


@pytest.mark.parametrize("content", ["", "[", "7", '{"results": 7}', "[" * 5000, '{"job": 7, "results": [7, {}]}'])
def test_a_captured_file_that_is_not_whole_is_none(collected, tmp_path, content):
    file = tmp_path / "results-u.json"
    assert collected(job(), owned(pod("5")), "--captured", str(file))[:2] == (0, "5\n")
    file.write_text(content)
    assert collected(job(), owned(pod("5")), "--captured", str(file))[:2] == (0, "5\n")


def test_a_captured_file_is_small(tmp_path):
    whole = job(completions=2)
    whole["spec"]["template"] = {"secret": "x" * 10000}
    captured.write(tmp_path / "f", whole, [])
    assert len((tmp_path / "f").read_text()) < 300
    assert json.loads((tmp_path / "f").read_text())["job"]["spec"] == {"completionMode": "Indexed", "completions": 2}


@pytest.mark.parametrize("options", [["--job", "--raw=/x"], ["--job=--raw=/x"], ["--job", "a/b"], ["--unknown"]])
def test_s10_an_option_that_is_none(collected, options):
    code, out, err = collected(job(), (), *options)
    assert (code, out) == (64, "")
    assert err


@pytest.mark.parametrize(
    ("completions", "pods", "status", "said"),
    [
        (None, [pod("5")], 0, ""),
        (None, [pod("null")], 0, ""),
        (None, [pod()], 65, "its container wrote no result"),
        (None, [], 65, "its container wrote no result"),
        (None, [pod("5", end="01:00:00"), pod(end="02:00:00")], 65, "its container wrote no result"),
        (2, [pod("5", index=0), pod("6", index=1)], 0, ""),
        (2, [pod("5", index=0), pod(index=1)], 65, "1 of 2 indexes wrote no result"),
        (3, [], 65, "3 of 3 indexes wrote no result"),
    ],
)
def test_v7_a_required_result_that_is_missing_is_65_after_what_there_is(collected, completions, pods, status, said):
    assert collected(job(completions=completions), owned(*pods))[0] == 0
    code, out, err = collected(job(completions=completions), owned(*pods), "--required")
    assert code == status
    assert out.count("\n") == 1
    assert said in err
    assert err.count("\n") == (status == 65)
