"""Follows one Job until it is finished: prints the logs of its Pods and the changes of its state.

command.py follow CONNECTION --namespace NAME --job NAME [--uid UID] [--once] [--captured FILE] [--never-starts FILE]
                  [--failure FILE] [--unscheduled FILE] [--deletes] [--check] [--waited SECONDS]
                  [--waited-for-nodes SECONDS] [--waited-to-start SECONDS] [--check-state FILE] [--timeout SECONDS]
                  [--schedule-timeout SECONDS] [--start-timeout SECONDS] [--heartbeat SECONDS]
                  [--unreachable-timeout SECONDS] [--max-log-streams N] [--logs all|failed|none] [--record FILE]
                  [--report FILE] -- PROXY

stdout: log lines, each after the end of its Pod's name; stderr: messages, then the diagnosis of a Job that
failed, the summary and the timeline (gke_jobs.timeline), and the verdict.
--once: read the state once, as poll-job does. --captured FILE.json: the file for the results (captured.py); FILE.line
gets the result itself if the results of all Pods were seen. --never-starts FILE: created if the Job can never start.
--failure FILE: the file for the cause of a failure (report.py). --unscheduled FILE: created if a Job that is not
suspended got no nodes in time. --deletes: run-job will delete a Job that times out. --check: check once, as follow-job
--once does, with its options for that. --record FILE: the file for the record if a signal ends this process.
--report FILE: the file for the report.
Exit codes: those of scripts/follow-job and scripts/poll-job.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gke_jobs import captured, exit_codes
from gke_jobs.following import check_state
from gke_jobs.following.checks import ANSWER_SECONDS
from gke_jobs.following.clocks import Limits, Waited
from gke_jobs.following.core import Follower
from gke_jobs.following.events import (
    Action,
    Finish,
    Kind,
    Lines,
    List,
    Message,
    ReadEvents,
    ReadWorkload,
    StartLog,
    StopLog,
    Tick,
    Watch,
)
from gke_jobs.following.log_streams import CHECK_SECONDS
from gke_jobs.following.settings import Settings
from gke_jobs.following.streaming import Streaming
from gke_jobs.job_options import JobOptions, parse_job_options
from gke_jobs.labels import CONTROLLER_UID
from gke_jobs.messages import ERROR, WARNING, ScriptError, log, log_or_fail
from gke_jobs.plain_text import one_line
from gke_jobs.timeline.record import Record
from gke_jobs.timeline.record_builder import End
from gke_jobs.timeline.run_end import print_end, record_now, write_at_signal

if TYPE_CHECKING:
    from gke_jobs.diagnosis.explain import Explanation

START_SECONDS, HEARTBEAT_SECONDS = 300.0, 300.0
MAX_LOG_STREAMS = 10
ADVICE = "advice: "  # the prefix of a line of the diagnosis with advice
LATE_SECONDS = 10.0  # after --timeout, within which the verdict is known
# After the verdict: the diagnosis takes at most 20 s and the report 30 s, if the cluster does not answer.
END_SECONDS = 60.0


def main() -> None:
    """Run the command; exit without waiting for its threads."""
    status = exit_codes.INTERRUPTED
    try:
        status = _run()
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # the reader has gone
        status = exit_codes.INTERRUPTED
    except Exception:  # or stderr is None, because it was closed from the beginning; neither may change the verdict
        if sys.stderr:
            traceback.print_exc()
    finally:
        os._exit(status)


def _run() -> int:
    try:
        options = parse_job_options(sys.argv[1:], _add_options)
        return follow(options)
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    except BrokenPipeError:  # the reader has gone
        return exit_codes.INTERRUPTED
    except OSError as error:
        log(
            f"cannot continue: {error.strerror or type(error).__name__}: free some space, or set TMPDIR to another "
            "directory",
            ERROR,
        )
        return exit_codes.INTERRUPTED


def _add_options(parser: argparse.ArgumentParser) -> None:
    for name in ("timeout", "schedule-timeout", "start-timeout", "heartbeat"):
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--max-log-streams", type=int, default=MAX_LOG_STREAMS)
    parser.add_argument("--logs", choices=("all", "failed", "none"), default="all")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--captured", type=Path)
    parser.add_argument("--never-starts", type=Path)
    parser.add_argument("--failure", type=Path)
    parser.add_argument("--unscheduled", type=Path)
    parser.add_argument("--deletes", action="store_true")
    parser.add_argument("--check", action="store_true")
    for name in ("waited", "waited-for-nodes", "waited-to-start"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--check-state", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--report", type=Path)


def settings_of(options: JobOptions) -> Settings:
    """Return the settings from the options. Without --start-timeout, --once does not read Pods."""
    given = options.others
    return Settings(
        job=options.job,
        namespace=options.namespace,
        uid=options.uid,
        limits=Limits(
            timeout=given.timeout,
            schedule=given.schedule_timeout,
            start=given.start_timeout or (None if given.once else START_SECONDS),
            heartbeat=given.heartbeat or HEARTBEAT_SECONDS,
        ),
        unreachable=options.reader.unreachable_seconds,
        max_log_streams=given.max_log_streams,
        logs=given.logs,
        once=given.once,
        waited=Waited(total=given.waited, for_nodes=given.waited_for_nodes, to_start=given.waited_to_start),
        epoch=time.time() - time.monotonic(),
    )


def follow(options: JobOptions) -> int:
    """Follow the Job to its end; return the exit code."""
    given = options.others
    if given.timeout:  # the core checks no clock while stdout or stderr blocks
        left = max(0.0, given.timeout - given.waited) + (ANSWER_SECONDS + CHECK_SECONDS if given.check else 0.0)
        end_after(left + LATE_SECONDS, exit_codes.TIMEOUT)
    before = check_state.read(given.check_state, options.uid) if given.check else None
    follower = Follower(settings_of(options), time.monotonic(), before)
    streaming = Streaming(options.connection, options.namespace, lambda kind, uid: _selector(options.job, kind, uid))
    if given.record:
        write_at_signal(given.record, lambda: _record(follower, End()) if follower.job_json else None)
    end = _follow(follower, streaming)
    if given.timeout:
        end_after(END_SECONDS, end.status)
    _write_state(given, follower, end)
    explanation = _explanation(options, follower) if end.explain else None
    if explanation:
        print_explanation(explanation.text)
    failure = _failure(follower, end, explanation)
    _write_failure(given.failure, end, failure)
    if follower.job_json and not given.once and end.status != exit_codes.NOT_FINISHED:
        record = _record(follower, _end(given, end, explanation, failure["advice"]))
        if given.report:  # before the summary, so that after a signal meanwhile only run-job prints one
            from gke_jobs.timeline.report_file import write_report  # not needed without a report

            write_report(given.report, options.connection, options.namespace, record)
        print_end(record)
    log_or_fail(end.reason, ERROR if end.status not in (0, exit_codes.NOT_FINISHED) else "")
    return end.status


def end_after(seconds: float, status: int) -> None:
    """End this process with an exit code if it still runs at that time, for example because its output blocks."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(status))
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _selector(job: str, kind: Kind, uid: str) -> dict[str, str]:
    if kind is Kind.JOB:
        return {"fieldSelector": f"metadata.name={job}"}
    return {"labelSelector": f"{CONTROLLER_UID}={uid}"}


def _follow(follower: Follower, streaming: Streaming) -> Finish:
    actions = follower.handle(Tick(), time.monotonic())
    while True:
        for action in actions:
            if isinstance(action, Finish):
                return action
            _execute(action, follower, streaming)
        deadline = follower.deadline()
        event = streaming.next(None if deadline is None else deadline - time.monotonic())
        actions = follower.handle(event, time.monotonic())


def _execute(action: Action, follower: Follower, streaming: Streaming) -> None:
    if isinstance(action, Lines):
        print_lines(action.data)
    elif isinstance(action, Message):
        log_or_fail(action.text, WARNING if action.is_warning else "")
    elif isinstance(action, List):
        streaming.list(action.kind, follower.uid)
    elif isinstance(action, Watch):
        streaming.watch(action.kind, follower.uid, action.version)
    elif isinstance(action, ReadEvents):
        streaming.read_events(action.uid)
    elif isinstance(action, ReadWorkload):
        streaming.read_workload(action.uid, action.queue)
    elif isinstance(action, StartLog):
        streaming.read_log(action.stream, action.since, follows=action.follows)
    elif isinstance(action, StopLog):
        streaming.stop_log(action.stream)


def _write_state(given: Any, follower: Follower, end: Finish) -> None:
    """Write files with the facts that later stages cannot find out."""
    if given.captured:
        with suppress(OSError):  # disk full: collect-job reads the results from the cluster
            results = follower.pods.results()
            captured.write(given.captured, follower.job_json, results)
            if end.status == 0 and (line := captured.complete_result(follower.job, results)):
                new = given.captured.with_suffix(".new")
                new.write_text(line, encoding="utf-8")
                new.rename(given.captured.with_suffix(".line"))
    if given.check_state and (state := follower.check_state()) is not None:
        try:
            check_state.write(given.check_state, follower.uid, state)
        except OSError as error:
            file = one_line(str(given.check_state))
            again = (
                "the next check prints these log lines again, and loses the results of Pods that are removed before it"
            )
            log(f"cannot write {file}: {error.strerror}: {again}")
    if given.never_starts and end.never_starts:
        given.never_starts.touch()
    if given.unscheduled and end.unscheduled:
        given.unscheduled.touch()


def _record(follower: Follower, end: End) -> Record:
    return record_now(follower.job_json, follower.pods.runs, end, follower.logs.bytes)


def _end(given: Any, end: Finish, explanation: Explanation | None, advice: str) -> End:
    by_others = end.removed and end.status != 0
    by_run_job = (given.deletes and end.status == exit_codes.TIMEOUT) or (given.never_starts and end.never_starts)
    return End(
        status=end.status,
        reason=end.reason,
        cause=explanation.cause if explanation else "",
        advice=advice,
        deleted=bool(by_others or by_run_job),
    )


def _failure(follower: Follower, end: Finish, explanation: Explanation | None) -> dict[str, Any]:
    lines, cause = (explanation.text.splitlines(), explanation.cause) if explanation else ([], "")
    return {
        "cause": "" if cause.split(": ", 2)[-1] in end.reason else cause,  # after the Pod, and the reason or container
        "advice": next((line.removeprefix(ADVICE) for line in lines if line.startswith(ADVICE)), ""),
        "exit_codes": follower.pods.exit_codes(follower.job),
    }


def _write_failure(file: Path | None, end: Finish, failure: dict[str, Any]) -> None:
    if file and end.status:
        with suppress(OSError):
            file.write_text(json.dumps(failure))


def _explanation(options: JobOptions, follower: Follower) -> Explanation:
    from gke_jobs.diagnosis.explain import explain  # not needed for a Job that succeeds

    shown = follower.logs.shown_logs()
    return explain(options.connection, options.namespace, options.job, follower.uid, shown_logs=shown)


def print_explanation(text: str) -> None:
    """Write the diagnosis to stderr as warnings. The first advice is logged as an error, like the final message."""
    advice = ERROR
    for line in text.splitlines(keepends=True):
        is_advice = line.startswith(ADVICE)
        sys.stderr.write(f"{advice if is_advice else WARNING}{line}")
        advice = WARNING if is_advice else advice
    sys.stderr.flush()


def print_lines(data: bytes) -> None:
    """Write log lines to stdout, in one piece if the system allows it."""
    while data:
        data = data[os.write(1, data) :]
