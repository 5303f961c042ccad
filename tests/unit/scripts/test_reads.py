import pytest
from fake_connection import FakeConnection, classify, error

from gke_jobs import reads
from gke_jobs.errors import Meaning, Verdict
from gke_jobs.messages import ScriptError
from gke_jobs.options import take_connection


@pytest.fixture
def reader(monkeypatch):
    """A reader of these answers, one after the other, and the seconds that it waited."""

    def make(*answers, unreachable_seconds=600.0):
        left, waited = list(answers), []
        monkeypatch.setattr(reads, "classify", classify)
        connection = FakeConnection({"/x": lambda query: left.pop(0) if len(left) > 1 else left[0]})
        made = reads.Reader(
            connection=connection,
            unreachable_seconds=unreachable_seconds,
            sleep=waited.append,
            clock=lambda: sum(waited),
        )
        return made, waited

    return make


def test_what_passes_is_tried_again_with_longer_pauses(reader, capsys):
    made, waited = reader(*[error(503, "no answer")] * 7, {"kind": "Job"})
    assert made.get("read the Job", "/x") == {"kind": "Job"}
    assert waited == [1, 2, 4, 8, 16, 30, 30]
    assert capsys.readouterr().err.splitlines()[0] == "gke-job: cannot read the Job: no answer; retrying in 1 s"


@pytest.mark.parametrize(("code", "status"), [(503, 69), (403, 77), (400, 78)])
def test_what_does_not_pass_has_its_exit_code(reader, code, status):
    made, waited = reader(error(code, "why"), unreachable_seconds=100.0)
    with pytest.raises(ScriptError, match="cannot read the Job: why: ask for a Role") as ended:
        made.get("read the Job", "/x")
    assert ended.value.status == status
    assert sum(waited) == (100 if code == 503 else 0)


def test_v1_a_login_that_fails_is_tried_again_for_a_short_time(reader, monkeypatch):
    made, waited = reader(error(500))
    monkeypatch.setattr(reads, "classify", lambda answer: Meaning(verdict=Verdict.LOGIN, message="x", advice=""))
    with pytest.raises(ScriptError) as ended:
        made.get("read the Job", "/x")
    assert (ended.value.status, sum(waited)) == (77, reads.LOGIN_SECONDS)


def test_what_is_not_there_is_none(reader):
    assert reader(error(404))[0].get("read the Job", "/x") is None


def test_the_connection_and_what_is_left():
    words = ["--socket", "s", "--proxy-log", "l", "--job", "train", "--", "env", "kubectl", "--", "proxy"]
    assert take_connection(words)[1] == ["--job", "train"]


@pytest.mark.parametrize(
    "words",
    [
        *([], ["--job", "x"], ["--socket", "s", "--proxy-log", "l"], ["--socket", "s", "--proxy-log", "l", "--"]),
        *(["--socket", "s", "--job", "x", "--", "p"], ["--socket", "--", "--proxy-log", "l", "--", "p"]),
    ],
)
def test_a_call_without_a_connection_is_wrong(words):
    with pytest.raises(ScriptError) as ended:
        take_connection(words)
    assert ended.value.status == 64
