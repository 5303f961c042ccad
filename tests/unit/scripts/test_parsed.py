"""Whether Airflow has parsed the DAGs with a release: the decision, by answers of real Airflows, and the wait."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from gke_jobs import exit_codes
from gke_jobs.deployment.airflow_api import Answers
from gke_jobs.deployment.deployed import Deployed
from gke_jobs.deployment.parsed import Progress, describe, error_keys, evaluate, parsed_after
from gke_jobs.deployment.unanswered import DeniedError, UnansweredError
from gke_jobs.deployment.waiting import Clock, Request, Wait
from gke_jobs.messages import ScriptError

# By version: /dags and /importErrors of an Airflow with good.py and broken.py; the paths are as on Composer.
ANSWERS = {file.stem: json.loads(file.read_text()) for file in Path(__file__).parent.glob("airflow_answers/*.json")}
RELEASE = "v1_0_0_aaaaaaaaaaaa"
BROKEN = "ModuleNotFoundError: No module named 'gke_job'"
HOUR = timedelta(hours=1)


@pytest.fixture(params=sorted(ANSWERS))
def answers(request):
    """The DAGs and errors of a real Airflow, and a time before and after it has parsed them."""
    found = copy.deepcopy(ANSWERS[request.param])
    dags, errors = found["dags"]["dags"], found["importErrors"]["import_errors"]
    parsed = datetime.fromisoformat(dags[0]["last_parsed_time"].replace("Z", "+00:00"))
    return dags, errors, parsed - HOUR, parsed + HOUR


def test_there_are_answers_of_both_versions():
    assert sorted(ANSWERS) == ["2.11", "3.3"]


def test_a_dag_that_was_parsed_later_has_the_release(answers):
    dags, errors, before, _ = answers
    assert evaluate(dags, errors, before) == Progress(total=1, parsed=1, missing=[], broken={"broken.py": BROKEN})


def test_a_dag_that_was_parsed_before_is_missing_and_so_is_an_error_of_that_time(answers):
    dags, errors, _, after = answers
    found = evaluate(dags, errors, after)
    assert found == Progress(total=1, parsed=0, missing=["broken.py", "good.py"], broken={})
    assert describe(found) == "0 of 1 DAGs are parsed; not yet: broken.py, good.py"


def test_a_dag_that_was_never_parsed_is_missing(answers):
    dags, errors, before, _ = answers
    dags[0]["last_parsed_time"] = None
    assert evaluate(dags, errors, before).missing == ["good.py"]


def test_a_dag_whose_file_is_gone_is_not_waited_for(answers):
    dags, _, _, after = answers
    for key, value in {"is_active": False, "is_stale": True}.items():
        if key in dags[0]:
            dags[0][key] = value
    assert evaluate(dags, [], after) == Progress(total=0, parsed=0, missing=[], broken={})


def test_a_dag_of_a_file_that_cannot_be_imported_is_not_waited_for(answers):
    dags, errors, _, after = answers
    errors[0] |= {"filename": dags[0].get("relative_fileloc") or dags[0]["fileloc"], "stack_trace": "theirs"}
    assert evaluate(dags, errors, after) == Progress(total=0, parsed=0, missing=[], broken={}, others=1)


def test_an_error_that_was_not_there_before_counts_although_airflow_has_cut_the_toolkit_out_of_its_trace(answers):
    dags, errors, before, _ = answers
    cut = "TypeError: GkeCluster.__init__() got an unexpected keyword argument 'removed' at 0x7f12"
    errors[0] |= {"stack_trace": f"Traceback\n{cut}"}
    known = error_keys([{**errors[0], "stack_trace": "another error"}])
    assert evaluate(dags, errors, before, known).broken == {"broken.py": cut}
    assert evaluate(dags, errors, before, error_keys([])).broken == {"broken.py": cut}
    same = error_keys([{**errors[0], "stack_trace": cut.replace("0x7f12", "0x7f99")}])
    found = evaluate(dags, errors, before, same)
    assert (found.broken, found.others) == ({}, 1)
    assert evaluate(dags, errors, before).others == 1


def test_texts_of_others_are_sanitized():
    hostile = {"dag_id": "a", "fileloc": "x\x1b[2J\n::group::", "last_parsed_time": "never"}
    error = {"filename": "\x9bgke_job", "stack_trace": "a\n\x1b]0;b", "timestamp": "2026-01-02T00:00:00Z"}
    found = evaluate([hostile, 7, None], [error, []], datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert found.missing == ["a DAG without a name", "x\\x1b[2J : :group::"]
    assert found.broken == {"\\x9bgke_job": "\\x1b]0;b"}


def test_only_the_first_files_are_shown():
    found = Progress(total=9, parsed=4, missing=list("abcde"), broken={})
    assert describe(found) == "4 of 9 DAGs are parsed; not yet: a, b, c and 2 more"


def error_of(file, trace, **fields):
    return {"filename": file, "stack_trace": trace, "timestamp": "2026-01-02T00:00:00Z", **fields}


OURS = [
    "from gke_job import Nothing",
    'File "/home/airflow/gcs/dags/gke_job/__init__.py"',
    "gke_job_releases.v1_0_0_aaaaaaaaaaaa.gke_job",
    "No module named 'gke_job'",
]


@pytest.mark.parametrize("trace", OURS)
def test_an_error_counts_for_the_team_whose_toolkit_it_names(trace):
    year = datetime(2026, 1, 1, tzinfo=timezone.utc)
    theirs = trace.replace("gke_job", "churn/gke_job" if "/" in trace else "churn.gke_job", 1)
    for text, team in ((trace, ""), (theirs, "churn")):
        errors = [error_of("x.py", text)]
        for prefix in ("", "churn", "growth"):
            found = evaluate([], errors, year, error_keys([]), prefix)
            assert (len(found.broken), found.others) == ((1, 0) if prefix == team else (0, 1)), (text, prefix)


def test_a_new_error_that_names_no_toolkit_counts_in_the_folder_of_the_team():
    year = datetime(2026, 1, 1, tzinfo=timezone.utc)
    errors = [
        error_of("churn/a.py", "x"),
        error_of("/home/airflow/gcs/dags/churn/b.py", "x"),
        error_of("growth/c.py", "x"),
    ]
    assert [*evaluate([], errors, year, error_keys([]), "churn").broken] == ["churn/a.py", "churn/b.py"]
    assert len(evaluate([], errors, year, error_keys([])).broken) == 3
    assert evaluate([], errors, year, error_keys(errors), "churn").broken == {}


def test_files_of_one_name_in_two_bundles_are_two():
    year = datetime(2026, 1, 1, tzinfo=timezone.utc)
    dag = {
        "dag_id": "a",
        "relative_fileloc": "a.py",
        "bundle_name": "dags-folder",
        "last_parsed_time": "2026-01-02T00:00:00Z",
    }
    errors = [error_of("a.py", "theirs", bundle_name="git"), error_of("b.py", "gke_job", bundle_name="git")]
    found = evaluate([dag], [*errors, error_of("b.py", "gke_job", bundle_name="dags-folder")], year)
    assert (found.total, found.parsed, found.others) == (1, 1, 1)
    assert found.broken == {"b.py": "gke_job", "b.py of bundle git": "gke_job"}


def test_a_release_counts_when_the_file_that_names_it_has_arrived_and_it_is_taken():
    assert parsed_after(Deployed({RELEASE: 5000}), 4700) == 5060
    assert parsed_after(Deployed({RELEASE: 0, "other": 9}), 4700) == 5060
    assert parsed_after(Deployed({RELEASE: 5}), 4700) == 5060  # it has been there for long, and the file is new


class FakeAirflow:
    """Answers in a row, the last one for good, with a clock of its own, and a clock of this machine that waiting moves.

    An answer is when the one DAG was parsed, in seconds by the clock of this machine, or an error.
    """

    def __init__(self, *answers, ahead: float = 0.0) -> None:
        self.answers = list(answers)
        self.time = 1000.0
        self.ahead = timedelta(days=9999, seconds=ahead)
        self.asked: list[float] = []
        self.checked: list[float] = []

    def its(self, time: float) -> datetime:
        return datetime.fromtimestamp(time, timezone.utc) + self.ahead

    def read(self, seconds):
        assert seconds > 0
        self.asked.append(self.time)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        parsed = self.its(answer).isoformat()
        dag = {"dag_id": "x", "fileloc": "x.py", "last_parsed_time": parsed}
        return Answers(dags=[dag], errors=[], time=self.its(self.time))

    def sleep(self, seconds):
        assert seconds >= 0
        self.time += seconds

    def check(self, seconds):
        self.checked.append(self.time)

    def wait(self, delay=0.0, timeout=1800.0):
        clock = Clock(lambda: self.time, self.sleep)
        Wait(self, self.check, Request(release=RELEASE, delay=delay, timeout=timeout), clock).run()


def test_it_asks_at_once_and_then_when_the_release_is_taken(capsys):
    airflow = FakeAirflow(1000.0, 1000.0, 1000.0, 1131.0)
    airflow.wait(delay=130.0)
    assert airflow.asked == [1000.0, 1060.0, 1120.0, 1130.0]
    assert capsys.readouterr().err.splitlines() == [
        "gke-job: waiting for 2 min 10 s: DAGs parsed after that use the release",
        "gke-job: waiting for 1 min 10 s: DAGs parsed after that use the release",
        "gke-job: waiting for 10 s: DAGs parsed after that use the release",
        f"gke-job: done: Airflow has parsed 1 DAGs with release {RELEASE}",
    ]


@pytest.mark.parametrize("ahead", [-86400.0, 0.0, 86400.0])
@pytest.mark.parametrize("delay", [-50.0, 70.0])
def test_what_is_parsed_is_compared_by_the_clock_of_airflow(ahead, delay):
    due = 1000.0 + delay
    airflow = FakeAirflow(due - 1, due - 1, due - 1, due + 1, ahead=ahead)
    airflow.wait(delay=delay)
    assert len(airflow.asked) == 4


def test_a_dag_that_was_parsed_before_a_slow_answer_does_not_count():
    class Slow(FakeAirflow):
        def read(self, seconds):
            answers = super().read(seconds)
            self.time += 3
            return answers

    with pytest.raises(ScriptError, match="0 of 1 DAGs are parsed"):
        Slow(998.0).wait(timeout=15.0)


def test_progress_is_logged_when_it_changes_and_once_a_minute(capsys):
    airflow = FakeAirflow(*[999.0] * 10, 1001.0)
    airflow.wait()
    said = capsys.readouterr().err.splitlines()
    assert said[:-1] == ["gke-job: 0 of 1 DAGs are parsed; not yet: x.py"] * 2
    assert airflow.asked[-1] == 1100.0


def test_what_is_not_parsed_in_time_is_124():
    airflow = FakeAirflow(999.0)
    with pytest.raises(ScriptError, match=r"has not parsed x.py within 45 s: 0 of 1 DAGs") as error:
        airflow.wait(timeout=45.0)
    assert error.value.status == exit_codes.TIMEOUT
    assert airflow.time == 1045.0


@pytest.mark.parametrize("answers", [[999.0], [999.0, DeniedError("HTTP 403")]])
def test_what_is_odd_for_a_while_is_reported_and_asked_again(capsys, answers):
    airflow = FakeAirflow(*answers, UnansweredError("HTTP 503"), UnansweredError("HTTP 404"), 1001.0)
    airflow.wait()
    said = capsys.readouterr().err
    assert "cannot query Airflow: HTTP 503; retrying\n" in said
    assert "cannot query Airflow: HTTP 404; retrying\n" in said


@pytest.mark.parametrize("status", [exit_codes.UNREACHABLE, exit_codes.DENIED])
def test_what_is_odd_until_the_end_gives_the_last_reason(status):
    airflow = FakeAirflow(UnansweredError("HTTP 503"), UnansweredError("HTTP 302", status))
    with pytest.raises(
        ScriptError, match="HTTP 302; the deployment is complete, only this check is missing: "
    ) as error:
        airflow.wait(delay=360.0, timeout=45.0)
    assert (error.value.status, airflow.time) == (status, 1405.0)


def test_an_account_that_may_not_ask_from_the_beginning_is_77_at_once():
    airflow = FakeAirflow(DeniedError("HTTP 403"))
    with pytest.raises(ScriptError, match="HTTP 403; the deployment is complete") as error:
        airflow.wait(delay=360.0)
    assert (error.value.status, airflow.time) == (exit_codes.DENIED, 1000.0)


def test_whether_dags_are_to_use_the_release_is_checked_once_a_minute_and_at_the_end():
    airflow = FakeAirflow(*[999.0] * 8, 1001.0)
    airflow.wait()
    assert airflow.checked == [1060.0, 1080.0]


def test_a_check_that_fails_at_the_end_is_repeated():
    airflow = FakeAirflow(1001.0)
    failures = [UnansweredError("gcloud storage: x")]
    airflow.check = lambda seconds: (_ for _ in ()).throw(failures.pop()) if failures else None
    airflow.wait()
    assert airflow.asked == [1000.0, 1010.0]


@pytest.mark.parametrize(
    ("before", "words"), [(999.0, "has not parsed x.py"), (UnansweredError("HTTP 503"), "HTTP 503; the deployment")]
)
def test_an_answer_that_the_end_cuts_off_hides_no_reason(before, words):
    class Slow(FakeAirflow):
        def read(self, seconds):
            if self.asked:
                self.time += seconds
                raise UnansweredError("no complete answer within 5 s")
            return super().read(seconds)

    with pytest.raises(ScriptError, match=words):
        Slow(before).wait(timeout=15.0)
