"""A Job as a row of a list, and the filters."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed_jobs import NOW, OURS, in_full, job
from test_plain_text import JSON, MARK, UNSAFE

from gke_jobs.following.phases import Phase
from gke_jobs.job_rows import Filters, describe, fitted, state, table
from gke_jobs.text_width import columns


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (job(conditions=["Complete"]), "Complete"),
        (job(conditions=["Failed", "FailureTarget"]), "Failed"),
        (job(conditions=["Suspended"]), "Suspended"),
        (job(status={"ready": 1}), "Running"),
        (job(status={"ready": 0}), "Pending"),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, "Deleting"),
        ({}, "Pending"),
        (None, "Pending"),
    ],
)
def test_the_state_of_a_job(found, word):
    assert state(found) == word


@pytest.mark.parametrize(
    ("annotations", "task"),
    [
        (OURS, "composer: churn fit r1"),
        (OURS | {"map_index": "3"}, "composer: churn fit[3] r1"),
        (OURS | {"map_index": "zero\n\x1b[2J"}, "composer: churn fit[zero \\x1b[2J] r1"),
        ({key: OURS[key] for key in ("dag_id", "task_id")}, "churn fit"),
        ({}, "manual"),
        ({"dag_id": 7}, "manual"),
    ],
)
def test_s6_the_task_of_a_job_may_be_odd(annotations, task):
    row = table([describe(job(**annotations), NOW)]).splitlines()[1]
    assert row.split("  ")[-1].strip().removeprefix("1 d 0 h").strip() == task


L4 = {"cloud.google.com/gke-nodepool": "l4-spot", "cloud.google.com/gke-accelerator": "nvidia-l4"}
TPU = {"cloud.google.com/compute-class": "tpus", "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice"}


@pytest.mark.parametrize(
    ("selector", "limits", "pool", "gpu"),
    [
        (L4, [{"nvidia.com/gpu": "2", "cpu": "8"}], "l4-spot", "2 nvidia-l4"),
        (L4, [{"nvidia.com/gpu": "1"}, {"nvidia.com/gpu": "1"}], "l4-spot", "2 nvidia-l4"),
        (TPU, [{"google.com/tpu": "4"}], "tpus", "4 tpu-v5-lite-podslice"),
        ({}, [{"nvidia.com/gpu": "1"}], "", "1 nvidia.com/gpu"),
        ({}, [{"cpu": "1"}], "", ""),
        ({"cloud.google.com/gke-nodepool": 7}, [{"nvidia.com/gpu": "many"}], "", ""),
        (L4, [], "l4-spot", ""),
    ],
)
def test_what_each_pod_asks_for(selector, limits, pool, gpu):
    shown = describe(in_full(selector=selector, limits=limits), NOW)
    assert (shown["node_pool"], shown["gpu"]) == (pool, gpu)


@pytest.mark.parametrize(
    ("phases", "text"),
    [
        ([], ""),
        ([Phase.WAITING], "waiting for a node"),
        (
            [Phase.SUCCEEDED, Phase.RUNNING, Phase.WAITING, Phase.RUNNING],
            "1 waiting for a node, 2 running, 1 succeeded",
        ),
        ([Phase.FAILED] * 2, "2 failed"),
    ],
)
def test_the_phases_of_the_pods(phases, text):
    assert describe(job(), NOW, phases)["phase"] == text


def test_the_duration_is_from_the_first_start_to_the_end_or_now():
    start = "2026-01-01T23:00:00Z"
    assert describe(in_full(start=start), NOW)["duration"] == "1 h 0 min"
    assert describe(in_full(conditions=["Suspended"]), NOW)["duration"] == ""
    ended = in_full(start=start, conditions=["Failed"])
    ended["status"]["conditions"][0]["lastTransitionTime"] = "2026-01-01T23:00:12Z"
    assert describe(ended, NOW)["duration"] == "12 s"


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["old", "new", "other", "without-time"]),
        ({"dag_id": "churn"}, ["old", "new", "without-time"]),
        ({"dag_id": "chur"}, []),
        ({"state": "Complete"}, ["new"]),
        ({"older_than": 3600}, ["old"]),
        ({"newer_than": 3600}, ["new", "other"]),
        ({"older_than": 30, "newer_than": 3600, "dag_id": "churn"}, ["new"]),
    ],
)
def test_the_filters(filters, names):
    jobs = [
        job("old", created="2026-01-01T00:00:00Z", **OURS),
        job("new", created="2026-01-01T23:59:00Z", conditions=["Complete"], **OURS),
        job("other", created="2026-01-01T23:59:50Z", **OURS | {"dag_id": "需要予測"}),
        job("without-time", created="soon", **OURS),
    ]
    assert [one["metadata"]["name"] for one in jobs if Filters(**filters).match(one, NOW)] == names


@pytest.mark.parametrize(
    ("filters", "seconds"),
    [
        ({}, None),
        ({"older_than": 90}, 30),
        ({"newer_than": 90}, 30),
        ({"older_than": 50, "newer_than": 90}, 30),
        ({"older_than": 60, "newer_than": 60}, None),
        ({"older_than": 90, "dag_id": "churn"}, 30),
        ({"older_than": 90, "dag_id": "other"}, None),
        ({"older_than": 90, "state": "Failed"}, None),
    ],
)
def test_the_moment_at_which_a_job_comes_or_goes_by_its_age(filters, seconds):
    found = job(created="2026-01-01T23:59:00Z", **OURS)
    assert Filters(**filters).seconds_to_change(found, NOW) == seconds
    assert Filters(**filters).seconds_to_change(job(created="soon", **OURS), NOW) is None
    if seconds:
        before, after = (Filters(**filters).match(found, NOW + timedelta(seconds=seconds - late)) for late in (1, 0))
        assert before != after


def test_a_table_fits_a_terminal_with_the_newest_jobs():
    text = table(describe(job(f"train-{number}", **OURS | {"task_id": "学習"}), NOW) for number in range(9))
    shown = fitted(text, 40, 6).splitlines()
    assert shown[1] == "(6 older Jobs are not shown)"
    assert [line.split()[0] for line in shown[2:]] == ["train-6", "train-7", "train-8"]
    assert all(len(line) <= 40 for line in shown)
    assert fitted(text, 1000, 100) == text
    wide = next(line for line in text.splitlines() if "学習" in line)
    before = wide.index("学")
    assert fitted(f"H\n{wide}\n", before + 3, 9).splitlines()[1] == wide[: before + 1]


def test_columns_are_where_their_headings_are_whatever_the_language():
    jobs = [job("a", **OURS | {"profile": "\u5b66\u7fd2\u7528-e\u0301"}), job("b", **OURS | {"profile": "gpu-l4-spot"})]
    lines = table(describe(one, NOW) for one in jobs).splitlines()
    places = {
        columns(line[: line.index(word)]) for line, word in zip(lines, ("TASK", "composer", "composer"), strict=True)
    }
    assert len(places) == 1


@given(st.lists(JSON, max_size=4), JSON)
def test_no_job_is_too_odd_for_the_list(values, key):
    found = [job(**dict.fromkeys(OURS, value)) for value in values]
    found += [{"metadata": value, "status": value, "spec": value} for value in values]
    found += [in_full(selector=value, limits=[value], start=value) for value in values] + [
        {"metadata": {"annotations": key}},
        key,
    ]
    assert [Filters(dag_id="d", state="Failed", older_than=1).match(one, NOW) for one in found].count(True) == 0
    text = table((describe(one, NOW) for one in found), namespaces=True)
    assert len(text.splitlines()) == len(found) + 1
    assert not UNSAFE.search(text.replace("\n", ""))
    assert not MARK.search(text)
