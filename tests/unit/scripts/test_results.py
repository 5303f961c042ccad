from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gke_jobs.containers import main_container
from gke_jobs.plain_text import one_line
from gke_jobs.results import (
    DEEPEST,
    MOST_INDEXES,
    PodResult,
    ResultError,
    from_json,
    job_result,
    merged,
    partial_result,
    result_of,
)


def pod(message: str | None = None, *, phase="Succeeded", end="12:00:00", index: int | str | None = None) -> dict:
    terminated = {"exitCode": 0, "finishedAt": f"2026-01-01T{end}Z"}
    if message is not None:
        terminated["message"] = message
    return {
        "metadata": {
            "name": "pod-1",
            "uid": f"{end}-{index}",
            "annotations": {} if index is None else {"batch.kubernetes.io/job-completion-index": str(index)},
        },
        "spec": {"containers": [{"name": "main"}, {"name": "side"}]},
        "status": {
            "phase": phase,
            "containerStatuses": [
                {"name": "side", "state": {"terminated": {"message": '"of the side container"'}}},
                {"name": "main", "state": {"terminated": terminated}},
            ],
        },
    }


def results(*pods):
    return [result for pod in pods if (result := result_of(pod))]


@pytest.mark.parametrize(
    ("message", "result"),
    [
        ('{"auc": 0.9, "n": [1]}\n', {"auc": 0.9, "n": [1]}),
        ("0.9\n", 0.9),
        ("null", None),
        ('"text"', "text"),
        ("gs://bucket/model\n", "gs://bucket/model"),
        ("two\nlines\n", "two\nlines"),
        ('{"auc": NaN}', '{"auc": NaN}'),
        ("1e999", "1e999"),
        ("{broken", "{broken"),
        ("\n", None),
        ("", None),
        (None, None),
        (str(10**40), 10**40),
        ('{"__type": 1, "__version__": 2}', {"__type": 1, "__version__": 2}),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('{"a": 1, "a": 2}', {"a": 2}),
        (json.dumps(["x" * 4090]), ["x" * 4090]),
        ("[" * DEEPEST + "]" * DEEPEST, json.loads("[" * DEEPEST + "]" * DEEPEST)),
    ],
)
def test_a_message_that_is_json_is_the_result_and_other_text_is_a_string(message, result):
    assert job_result(results(pod(message)), None) == result


@pytest.mark.parametrize("message", ["7" * 4096, "-" + "7" * 4095, "0." + "7" * 4094])
def test_the_first_digits_of_a_number_that_was_cut_are_no_result(message):
    with pytest.raises(ResultError, match="result truncated at 4096 bytes"):
        job_result(results(pod(message)), None)
    assert job_result(results(pod(message[:-1])), None) == json.loads(message[:-1])


@pytest.mark.parametrize("levels", [DEEPEST + 1, 1500, 2048])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_s8_a_result_that_is_nested_too_deeply_is_an_error(levels, begin, end):
    message = begin * (levels - 1) + "[" + "]" + end * (levels - 1)
    with pytest.raises(ResultError, match=f"^Pod pod-1: result nested more than {DEEPEST} levels deep; "):
        job_result(results(pod(message)), None)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ('{"loss": "\\ud800"}', "half of a surrogate pair"),
        ('[{"\\udfff": 1}]', "half of a surrogate pair"),
        ('"a\\u0000b"', "a NUL character"),
        ("a\0b", "a NUL character"),
        ('{"a": {"__classname__": "x"}}', "the key __classname__, which is reserved for Airflow"),
        ('[{"__id__": 1}]', "the key __id__, which is reserved for Airflow"),
        ('{"a": {"__type": "builtins.tuple", "__var": [1]}}', "the key __type, which is reserved for Airflow"),
    ],
)
def test_a_result_that_no_xcom_can_hold_is_an_error(message, why):
    with pytest.raises(ResultError) as error:
        job_result(results(pod(message)), None)
    assert str(error.value) == f"Pod pod-1: an XCom cannot store {why}; write the result in another form"


def test_the_result_is_that_of_the_pod_that_succeeded_last():
    pods = [pod("1", end="12:00:01"), pod("2", end="12:00:02"), pod("3", end="12:00:03", phase="Failed"), pod("4")]
    assert job_result(results(*pods), None) == 2


def test_without_a_pod_that_succeeded_the_result_is_null():
    assert job_result([], None) is None
    assert results(pod("1", phase="Running"), {}, None, []) == []


def test_a_pod_whose_containers_are_forgotten_has_no_result():
    forgotten = pod("1")
    del forgotten["status"]["containerStatuses"]
    assert job_result(results(forgotten), None) is None


@pytest.mark.parametrize(
    ("names", "native", "annotation", "program"),
    [
        (["istio-proxy", "main"], [], None, "main"),
        (["main", "train"], [], "train", "train"),
        (["main", "train"], [], "absent", "main"),
        (["istio-proxy", "train"], [], None, "train"),
        (["train"], ["metrics"], None, "train"),
        (["a", "b"], [], None, "a"),
        (["istio-proxy"], [], None, "istio-proxy"),
        ([], [], None, ""),
    ],
)
def test_v4_the_container_whose_result_counts(names, native, annotation, program):
    given_pod = pod()
    given_pod["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": annotation} if annotation else {}
    given_pod["spec"]["containers"] = [{"name": name} for name in names]
    given_pod["spec"]["initContainers"] = [{"name": name, "restartPolicy": "Always"} for name in native]
    given_pod["status"]["containerStatuses"] = [
        {"name": name, "state": {"terminated": {"message": f'"of {name}"'}}} for name in names
    ]
    assert main_container(given_pod) == program
    assert job_result(results(given_pod), None) == (f"of {program}" if program else None)


def test_an_indexed_job_gives_a_list_in_the_order_of_the_indexes_with_null_for_holes():
    pods = [pod("c", index=2), pod("a", index=0), pod("no", index=1, phase="Failed"), pod("z", index=10)]
    assert job_result(results(*pods), 4) == ["a", None, "c", None]


def test_an_index_that_succeeded_twice_gives_its_last_result():
    assert job_result(results(pod("2", index=0, end="12:00:02"), pod("1", index=0, end="12:00:01")), 1) == [2]


@pytest.mark.parametrize("index", ["0|x[$(touch /tmp/x)]", "zero", "", "-1", "1e3", "\u0663", "9" * 5000, "0 "])
def test_s1_an_index_that_is_no_number_is_none(index):
    assert result_of(pod("5", index=index)).index is None
    assert job_result(results(pod("5", index=index)), 1) == [None]


@pytest.mark.parametrize("completions", [-1, MOST_INDEXES + 1, 2**31 - 1])
def test_a_list_that_would_fill_the_memory_is_refused(completions):
    with pytest.raises(ResultError, match="completions"):
        job_result([], completions)


@pytest.mark.parametrize("message", ['["' + "x" * 4094, "x" * 4096, "\u00e9" * 2048, "x" * 4095 + "\n"])
def test_a_message_that_kubernetes_cut_is_an_error_and_no_result(message):
    with pytest.raises(ResultError) as error:
        job_result(results(pod(message)), None)
    assert str(error.value) == (
        "Pod pod-1: result truncated at 4096 bytes; write larger results to object storage and their URI to the result"
    )


def test_a_text_shorter_than_the_limit_is_whole():
    assert job_result(results(pod("x" * 4095)), None) == "x" * 4095


def test_containers_share_the_message_of_a_pod():
    crowded = pod("x" * 2048)
    crowded["spec"] = {"initContainers": [{"name": "init"}] * 4, "containers": [{"name": "main"}, {"name": "side"}]}
    with pytest.raises(ResultError, match="at 2048 bytes"):
        job_result(results(crowded), None)


def test_a_cut_message_that_is_not_the_result_does_no_harm():
    assert job_result(results(pod("x" * 4096, end="12:00:01"), pod("5", end="12:00:02")), None) == 5


def test_of_a_failed_indexed_job_what_cannot_be_used_is_a_hole_and_said():
    values, errors = partial_result(results(pod("5", index=2), pod("x" * 4096, index=0)), 4)
    assert values == [None, None, 5, None]
    assert [error.startswith("Pod pod-1: result truncated at 4096 bytes; ") for error in errors] == [True]


def test_v5_what_was_captured_stands_for_a_pod_that_is_gone_or_forgotten():
    captured = results(pod("1", index=0), pod("2", index=1))
    forgotten = pod(index=1)
    assert job_result(merged(captured, results(forgotten)), 2) == [1, 2]
    newer = pod("3", index=1)
    assert job_result(merged(captured, results(newer)), 2) == [1, 3]


JSON = st.recursive(
    st.text(max_size=4) | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(st.data())
def test_a_result_survives_the_file(data):
    made = PodResult(
        name=one_line(data.draw(st.text())),
        uid=data.draw(st.text(min_size=1)),
        index=data.draw(st.none() | st.integers(0, 10**9)),
        finished_at=data.draw(st.text()),
        message=data.draw(st.text()),
        limit=data.draw(st.integers(1, 4096)),
    )
    assert from_json(json.loads(json.dumps(made.to_json()))) == made


@given(JSON, st.data())
def test_no_pod_is_too_odd(value, data):
    odd = deepcopy(pod("1", index=0))
    target = odd
    while True:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(target[key], (dict, list)) or not target[key] or data.draw(st.booleans()):
            target[key] = value
            break
        target = target[key]
    for completions in (None, 2):
        json.dumps(job_result(results(odd, value), completions))
    from_json(value)
