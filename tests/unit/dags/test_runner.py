"""Runner: levels of messages, repeated errors, kills."""

from __future__ import annotations

import logging
import os
import threading
import time

import pytest

from gke_job.compat import AirflowException
from gke_job.run_directory import RunDirectory
from gke_job.runner import Runner


@pytest.fixture
def log(caplog) -> logging.Logger:
    logger = logging.getLogger("test_runner")
    logger.propagate = True
    caplog.set_level(logging.INFO, logger="test_runner")
    return logger


@pytest.fixture
def directory():
    directory = RunDirectory()
    yield directory
    directory.remove()


@pytest.fixture
def run(log, directory):
    """Runs lines of Bash as a script; the runner is an attribute."""

    def run(script: str, **options) -> str:
        return run.runner.run(["bash", "-c", script], directory, variables=dict(os.environ), cluster="", **options)

    run.runner = Runner(log)
    return run


def lines(caplog) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "test_runner"]


def test_the_last_line_is_returned_and_a_message_has_its_level(run, caplog):
    script = "echo 'run-job: a' >&2; echo '<4>run-job: b' >&2; echo '<3>run-job: c' >&2; echo 'x | <3>d'; echo 5"
    assert run(script) == "5"
    assert lines(caplog) == [
        ("INFO", "run-job: a"),
        ("WARNING", "run-job: b"),
        ("INFO", "x | <3>d"),
        ("INFO", "5"),
        ("ERROR", "run-job: c"),
    ]


def test_an_error_that_the_exception_contains_is_not_logged_again(run, caplog):
    script = """
      echo 'Job j failed: why' >"$GKE_JOB_CALLER_DIR/reason"
      echo '{"advice": "do this"}' >"$GKE_JOB_CALLER_DIR/failure.json"
      printf '%s\\n' '<3>advice: do this' '<3>run-job: other' '<3>follow-job: Job j failed: why' 'run-job: deleted'
      exit 1"""
    with pytest.raises(AirflowException, match=r"^Job j failed: why \(exit code 1\)\nadvice: do this$"):
        run(script)
    assert lines(caplog) == [("INFO", "run-job: deleted"), ("ERROR", "run-job: other")]
    assert run.runner.status == 1


def test_an_error_is_logged_if_the_run_is_interrupted(run, caplog):
    class TimeOver(BaseException):
        pass

    def raises(*_: str) -> None:
        raise TimeOver

    with pytest.raises(TimeOver):
        run("echo '<3>run-job: a'; echo j ns u >$GKE_JOB_CALLER_DIR/job; echo go", on_job=raises)
    assert ("ERROR", "run-job: a") in lines(caplog)


def test_on_job_is_called_once_while_the_script_runs(run, tmp_path):
    seen = []

    def on_job(*job: str) -> None:
        seen.append(job)
        (tmp_path / "go-on").touch()

    script = (
        f'echo a; echo j ns u >$GKE_JOB_CALLER_DIR/job; echo b; until [ -e "{tmp_path}/go-on" ]; do :; done; echo c'
    )
    assert run(script, on_job=on_job) == "c"
    assert seen == [("j", "ns", "u")]


@pytest.mark.parametrize(("keep_job", "status"), [(True, 10), (False, 11)])
def test_the_signal_to_a_script_depends_on_whether_its_job_is_kept(run, tmp_path, keep_job, status):
    is_ready = tmp_path / "ready"
    os.mkfifo(is_ready)

    def end() -> None:
        is_ready.read_text()
        while not run.runner.is_running():  # the script may run before Popen has returned
            time.sleep(0.01)
        run.runner.end(keep_job=keep_job)

    ending = threading.Thread(target=end)
    ending.start()
    with pytest.raises(AirflowException):
        # No `read`: a signal that arrives just before it would wait until it ends.
        run(f"trap 'exit 10' PWR; trap 'exit 11' TERM; echo >'{is_ready}'; while :; do sleep 0.1; done")
    ending.join()
    assert run.runner.status == status
    assert not run.runner.is_running()


def test_the_columns_of_the_timeline_are_aligned_if_several_spaces_are_shown_as_one(run, caplog):
    row, line_of_a_pod = "  abcde   node [  ==  ] succeeded", "abcde | a  b [  c ] d"
    run(f"echo '{row}'; echo '{line_of_a_pod}'; echo '  time: running 3 s'")
    shown = "\u00a0\u00a0abcde\u00a0\u00a0\u00a0node [\u00a0\u00a0==\u00a0\u00a0] succeeded"
    assert [text for _, text in lines(caplog)] == [shown, line_of_a_pod, "  time: running 3 s"]
