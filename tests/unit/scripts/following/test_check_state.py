"""The file in which a check of a Job leaves for the next what it has printed and seen."""

import json
from contextlib import suppress

import pytest
from cluster_objects import UID
from hypothesis import given
from hypothesis import strategies as st

from gke_jobs.following import check_state
from gke_jobs.following.check_state import FILE_LIMIT, PODS_LIMIT, RESULTS_LIMIT, CheckState
from gke_jobs.following.log_positions import LogState
from gke_jobs.results import PodResult, ResultError, job_result
from gke_jobs.timeline.record import Outcome, PodRun


def result(number, message="5"):
    """What a Pod has left."""
    return PodResult(
        name=f"train-{number}",
        uid=f"uid-{number}",
        index=number,
        finished_at="2026-01-02T03:04:05Z",
        message=message,
        limit=4096,
    )


def kept(tmp_path, state):
    """What the next check reads."""
    check_state.write(tmp_path / "state", UID, state)
    return check_state.read(tmp_path / "state", UID)


def test_what_is_written_is_read(tmp_path):
    logs = {"abcde main": LogState(restarts=1, position=None)}
    state = CheckState(logs=logs, results=[result(1), result(0, '{"a": "\u00e4\\n\ud800"}')])
    assert kept(tmp_path, state) == state
    assert [file.name for file in tmp_path.iterdir()] == ["state"]


def test_no_file_is_no_state(tmp_path):
    assert check_state.read(None, UID) == check_state.read(tmp_path / "none", UID) == CheckState()


def test_the_state_of_another_job_is_none(tmp_path):
    kept(tmp_path, CheckState(results=[result(0)]))
    assert check_state.read(tmp_path / "state", "another") == CheckState()


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"7", b'{"logs": [1]}'])
def test_a_file_that_is_none_of_ours_is_no_state(tmp_path, content):
    (tmp_path / "state").write_bytes(content)
    assert check_state.read(tmp_path / "state", UID) == CheckState()


def test_of_a_file_that_is_too_large_nothing_is_taken(tmp_path):
    content = {"uid": UID, "results": [result(0).to_json()], "more": "x" * FILE_LIMIT}
    (tmp_path / "state").write_text(json.dumps(content))
    assert check_state.read(tmp_path / "state", UID) == CheckState()


def test_of_more_results_than_there_is_room_for_the_first_are_kept(tmp_path):
    state = CheckState(results=[result(number) for number in range(2000)])
    found = kept(tmp_path, state).results
    assert found == state.results[: len(found)]
    assert RESULTS_LIMIT * 0.9 < (tmp_path / "state").stat().st_size < RESULTS_LIMIT * 1.1
    assert len(found) > 300


def test_a_result_for_which_there_is_no_room_leaves_the_room_to_others(tmp_path):
    large = [result(number, "\0" * 4000) for number in range(5)]
    assert kept(tmp_path, CheckState(results=[*large, result(9)])).results == [*large[:2], result(9)]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


KEYS = dict.fromkeys([key for key in result(0).to_json() if key != "uid"], ANY)


@given(st.lists(ANY | st.fixed_dictionaries({"uid": ANY}, optional=KEYS)), st.sampled_from([None, 3]))
def test_whatever_is_in_the_file_is_a_result_or_none(tmp_path_factory, items, completions):
    file = tmp_path_factory.mktemp("state") / "state"
    file.write_text(json.dumps({"uid": UID, "results": items}))
    found = check_state.read(file, UID).results
    for one in found:
        assert one.name.isprintable()
        assert 0 <= one.limit <= 4096
    with suppress(ResultError):
        json.dumps(job_result(found, completions))


def pod(number, outcome=Outcome.SUCCEEDED):
    return PodRun(uid=f"0f0f0f0f-0000-4000-8000-{number:012}", name=f"train-{number:05}", created=1.5, outcome=outcome)


def test_the_next_check_has_the_pods_of_the_timeline_and_how_much_was_printed(tmp_path):
    state = CheckState(pods=[pod(0), pod(1, Outcome.RUNNING)], removed=1, left_out={Outcome.FAILED: 2}, log_bytes=7)
    found = kept(tmp_path, state)
    assert (found.pods, found.left_out, found.log_bytes) == (state.pods, state.left_out, 7)
    assert found.runs().all() == tuple(state.pods)


def test_of_more_pods_than_there_is_room_for_those_that_are_removed_are_counted(tmp_path):
    state = CheckState(pods=[pod(number) for number in range(3000)], removed=2000)
    found = kept(tmp_path, state)
    assert found.pods == state.pods[: len(found.pods)]
    assert 280 < len(found.pods) < 2000
    assert found.left_out == {Outcome.SUCCEEDED: 2000 - len(found.pods)}
    assert (tmp_path / "state").stat().st_size <= PODS_LIMIT + 200
