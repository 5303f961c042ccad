"""Whether Airflow has parsed the DAGs with a release: the decision, by answers of real Airflows, and the wait."""

from __future__ import annotations

import copy
import json
import stat
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path

import pytest

from gke_jobs import exit_codes
from gke_jobs.deployment import airflow_api, waiting
from gke_jobs.deployment.airflow_api import Airflow, UnansweredError, access_token
from gke_jobs.deployment.deployed import Deployed
from gke_jobs.deployment.parsed import Progress, asked_from, describe, judge, texts_of
from gke_jobs.messages import ScriptError

# By version: /dags and /importErrors of an Airflow with good.py and broken.py; the paths are as on Composer.
ANSWERS = {file.stem: json.loads(file.read_text()) for file in Path(__file__).parent.glob("airflow_answers/*.json")}
AIRFLOW_3, AIRFLOW_2 = "composer-3-airflow-3.3.1-build.2", "composer-2.13.1-airflow-2.11.1"
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
    assert judge(dags, errors, before) == Progress(total=1, parsed=1, missing=[], broken={"broken.py": BROKEN})


def test_a_dag_that_was_parsed_before_is_missing_and_so_is_an_error_of_that_time(answers):
    dags, errors, _, after = answers
    found = judge(dags, errors, after)
    assert found == Progress(total=1, parsed=0, missing=["broken.py", "good.py"], broken={})
    assert describe(found) == "0 of 1 DAGs are parsed; not yet: broken.py, good.py"


def test_a_dag_that_was_never_parsed_is_missing(answers):
    dags, errors, before, _ = answers
    dags[0]["last_parsed_time"] = None
    assert judge(dags, errors, before).missing == ["good.py"]


def test_a_dag_whose_file_is_gone_is_not_waited_for(answers):
    dags, _, _, after = answers
    for key, value in {"is_active": False, "is_stale": True}.items():
        if key in dags[0]:
            dags[0][key] = value
    assert judge(dags, [], after) == Progress(total=0, parsed=0, missing=[], broken={})


def test_a_dag_of_a_file_that_cannot_be_imported_is_not_waited_for(answers):
    dags, errors, _, after = answers
    errors[0] |= {"filename": dags[0].get("relative_fileloc") or dags[0]["fileloc"], "stack_trace": "theirs"}
    assert judge(dags, errors, after) == Progress(total=0, parsed=0, missing=[], broken={}, others=1)


def test_an_error_that_was_not_there_before_counts_although_airflow_has_cut_the_toolkit_out_of_its_trace(answers):
    dags, errors, before, _ = answers
    cut = "TypeError: GkeCluster.__init__() got an unexpected keyword argument 'removed' at 0x7f12"
    errors[0] |= {"stack_trace": f"Traceback\n{cut}"}
    known = texts_of([{**errors[0], "stack_trace": "another error"}])
    assert judge(dags, errors, before, known).broken == {"broken.py": cut}
    assert judge(dags, errors, before, texts_of([])).broken == {"broken.py": cut}
    same = texts_of([{**errors[0], "stack_trace": cut.replace("0x7f12", "0x7f99")}])
    found = judge(dags, errors, before, same)
    assert (found.broken, found.others) == ({}, 1)
    assert judge(dags, errors, before).others == 1


def test_texts_of_others_are_sanitized():
    hostile = {"dag_id": "a", "fileloc": "x\x1b[2J\n::group::", "last_parsed_time": "never"}
    error = {"filename": "\x9bgke_job", "stack_trace": "a\n\x1b]0;b", "timestamp": "2026-01-02T00:00:00Z"}
    found = judge([hostile, 7, None], [error, []], datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert found.missing == ["", "x\\x1b[2J : :group::"]
    assert found.broken == {"\\x9bgke_job": "\\x1b]0;b"}


def test_only_the_first_files_are_shown():
    found = Progress(total=9, parsed=4, missing=list("abcde"), broken={})
    assert describe(found) == "4 of 9 DAGs are parsed; not yet: a, b, c and 2 more"


def test_a_release_that_is_taken_at_once_counts_when_the_file_that_names_it_has_arrived():
    assert asked_from(Deployed({RELEASE: 5000}), 4700, is_copied=True) == 5060
    assert asked_from(Deployed({RELEASE: 0, "other": 9}), 4700, is_copied=False) == 5060


def test_a_release_that_was_there_and_got_files_counts_when_they_have_arrived():
    assert asked_from(Deployed({RELEASE: 5}), 4700, is_copied=True) == 5060
    assert asked_from(Deployed({RELEASE: 5}), 4700, is_copied=False) == 65


class FakeAirflow:
    """Answers in a row, the last one for good, and a clock that the waiting moves."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.time = 1000.0
        self.asked: list[float] = []

    def dags(self):
        self.asked.append(self.time)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return [{"dag_id": "x", "fileloc": "x.py", "last_parsed_time": f"20{26 if answer else 25}-01-01T00:00:00Z"}]

    def import_errors(self):
        return []

    def sleep(self, seconds):
        assert seconds > 0
        self.time += seconds

    def wait(self, after=1000.0, seconds=1800.0):
        clock = waiting.Clock(lambda: self.time, self.sleep)
        waiting.wait_until_parsed(self, RELEASE, after, seconds, clock)


def test_it_asks_at_once_and_then_when_the_release_is_taken(capsys):
    airflow = FakeAirflow(True)
    airflow.wait(after=1130.0)
    assert airflow.asked == [1000.0, 1130.0]
    assert capsys.readouterr().err.splitlines() == [
        f"gke-job: waiting until 00:18:50 UTC: what is parsed from then on has release {RELEASE} for sure",
        "gke-job: Airflow is asked in 1 min 10 s",
        "gke-job: Airflow is asked in 10 s",
        f"gke-job: done: Airflow has parsed 1 DAGs with release {RELEASE}",
    ]


@pytest.mark.usefixtures("parsed_in_2026")
def test_progress_is_logged_when_it_changes_and_once_a_minute(capsys):
    airflow = FakeAirflow(*[False] * 10, True)
    airflow.wait()
    said = capsys.readouterr().err.splitlines()
    assert said[:-1] == ["gke-job: 0 of 1 DAGs are parsed; not yet: x.py"] * 2
    assert airflow.asked[-1] == 1100.0


@pytest.mark.usefixtures("parsed_in_2026")
def test_what_is_not_parsed_in_time_is_124():
    airflow = FakeAirflow(False)
    with pytest.raises(ScriptError, match=r"has not parsed x.py within 45 s: 0 of 1 DAGs") as error:
        airflow.wait(seconds=45.0)
    assert error.value.status == exit_codes.TIMEOUT
    assert airflow.time == 1045.0


@pytest.fixture
def parsed_in_2026(monkeypatch):
    """The release is taken in the year 2026, whatever the clock says."""
    year = datetime(2025, 12, 31, tzinfo=timezone.utc)
    monkeypatch.setattr(waiting, "judge", lambda dags, errors, after, before: judge(dags, errors, year, before))


def test_a_web_server_that_is_away_for_a_while_is_asked_again(capsys):
    airflow = FakeAirflow(UnansweredError("HTTP 503"), UnansweredError("HTTP 503"), True)
    airflow.wait()
    assert airflow.asked == [1000.0, 1001.0, 1003.0]
    assert "cannot ask Airflow: HTTP 503; trying again in 2 s" in capsys.readouterr().err


def test_a_web_server_that_stays_away_is_69_after_five_minutes():
    airflow = FakeAirflow(UnansweredError("HTTP 503"))
    with pytest.raises(
        ScriptError, match="HTTP 503; the deployment is complete, only this check is missing: "
    ) as error:
        airflow.wait()
    assert (error.value.status, airflow.time) == (exit_codes.UNREACHABLE, 1300.0)


@pytest.mark.parametrize(
    ("image", "address", "url"),
    [
        (AIRFLOW_3, "https://a-dot-europe-west4.composer.googleusercontent.com", "/api/v2"),
        (AIRFLOW_2, "https://a-dot-europe-west4.composer.googleusercontent.com/", "/api/v1"),
    ],
)
def test_the_version_of_the_api_is_that_of_the_image(image, address, url):
    assert Airflow(address, image, str)._base == f"https://a-dot-europe-west4.composer.googleusercontent.com{url}"


@pytest.mark.parametrize("address", ["", "http://a.example", "https://a@b.example", "file:///etc", "https://a/b?c"])
def test_a_token_is_sent_to_no_address_that_is_none_of_composer(address):
    with pytest.raises(ScriptError, match="has no address of a web server") as error:
        Airflow(address, AIRFLOW_3, str)
    assert error.value.status == exit_codes.UNREACHABLE


def use_gcloud(monkeypatch, directory, script):
    program = directory / "gcloud"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(directory), prepend=":")


def test_a_token_is_what_gcloud_prints(monkeypatch, tmp_path):
    use_gcloud(monkeypatch, tmp_path, "echo token-$1-$2")
    assert access_token() == "token-auth-print-access-token"


@pytest.mark.parametrize(
    ("script", "expected", "words"),
    [
        (
            "echo 'ERROR: (gcloud.auth.x) You do not currently have an active account selected.' >&2; exit 1",
            ScriptError,
            "not logged in",
        ),
        ("echo 'broken pipe' >&2; exit 1", UnansweredError, "broken pipe"),
        ("printf 'a b'", UnansweredError, "gcloud has no token"),
    ],
)
def test_no_token_is_no_login_or_passes(monkeypatch, tmp_path, script, expected, words):
    use_gcloud(monkeypatch, tmp_path, script)
    with pytest.raises(expected, match=words):
        access_token()


class Response:
    """An answer of HTTP that comes in pieces, each of which takes ten seconds."""

    def __init__(self, body, monkeypatch):
        self._pieces = [body[at : at + 10] for at in range(0, len(body), 10)]
        self._time = 0.0
        self.headers = EmailMessage()
        monkeypatch.setattr(airflow_api.time, "monotonic", lambda: self._time)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read1(self, size):
        self._time += 10.0
        return self._pieces.pop(0) if self._pieces else b""


def answering(body, monkeypatch):
    response = Response(body, monkeypatch)
    airflow = Airflow("https://a.example", AIRFLOW_3, lambda: "token")
    monkeypatch.setattr(airflow._opener, "open", lambda request, timeout: response)
    return airflow


@pytest.mark.parametrize(
    ("body", "expected", "words"),
    [
        (b'{"dags": [{', UnansweredError, "no JSON, or has been cut off"),
        (b" " * 50, UnansweredError, "has not ended within 30 s"),
        (b'{"dags": 3}', ScriptError, "the answer to dags is not as Airflow has it"),
        (b"[" * 9, UnansweredError, "no JSON"),
    ],
)
def test_an_answer_that_is_not_whole_or_none_of_airflow_is_told(monkeypatch, body, expected, words):
    with pytest.raises(expected, match=words):
        answering(body, monkeypatch).dags()


def test_an_answer_has_a_limit(monkeypatch):
    monkeypatch.setattr(airflow_api, "ANSWER_BYTES", 15)
    with pytest.raises(ScriptError, match="an answer has more than"):
        answering(b" " * 20, monkeypatch).dags()


@pytest.mark.parametrize("code", [401, 403])
def test_a_token_that_is_over_is_read_again_once(monkeypatch, code):
    tokens, used = iter("abc"), []

    def answer(self, path):
        used.append(self._token)
        if self._token != "b":
            raise airflow_api.urllib.error.HTTPError("", code, "", {}, None)
        return {"dags": []}

    monkeypatch.setattr(Airflow, "_get_once", answer)
    airflow = Airflow("https://a.example", AIRFLOW_3, lambda: next(tokens))
    airflow._token = "an hour old"
    with pytest.raises(ScriptError, match=f"permission denied: HTTP {code}"):
        airflow.dags()
    assert airflow.dags() == []
    assert used == ["an hour old", "a", "a", "b"]
