import pytest

from performance.observer import job_line, pod_line


@pytest.mark.parametrize(
    ("line", "name", "states"),
    [
        ("ADDED|job-a||||", "a", {"created"}),
        ("MODIFIED|gke-job-x|run-1|||1", "run-1", {"created", "running"}),
        ("MODIFIED|a||True||0", "a", {"created", "complete"}),
        ("MODIFIED|a||False|True|", "a", {"created", "failed"}),
        ("DELETED|a||True||", "a", {"created", "complete", "gone"}),
    ],
)
def test_a_line_about_a_job(line, name, states):
    assert job_line(f"{line}\n") == (name, states)


@pytest.mark.parametrize(
    ("line", "states"),
    [
        ("ADDED|a||Pending", {"created"}),
        ("MODIFIED|a||Succeeded", {"created", "complete"}),
        ("DELETED|a||Running", {"created", "running", "gone"}),
        ("MODIFIED|a|Job|Running", set()),
    ],
)
def test_a_line_about_a_pod(line, states):
    assert pod_line(f"{line}\n") == ("a", states)
