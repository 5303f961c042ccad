"""Follows one Job until it is finished: prints the logs of its Pods and the changes of its state.

command.py follow CONNECTION --namespace NAME --job NAME [--uid UID] [--poll] [--captured FILE] [--never-starts FILE]
                  [--failure FILE] [--unscheduled FILE] [--deletes] [--check] [--waited SECONDS]
                  [--waited-for-nodes SECONDS] [--waited-to-start SECONDS] [--check-state FILE] [--timeout SECONDS]
                  [--schedule-timeout SECONDS] [--start-timeout SECONDS] [--heartbeat SECONDS]
                  [--unreachable-timeout SECONDS] [--max-log-streams N] [--logs all|failed|none] [--record FILE]
                  [--report FILE] -- PROXY

stdout: log lines, each after the end of its Pod's name; stderr: messages, then the diagnosis of a Job that
failed, the summary and the timeline (gke_jobs.timeline), and the verdict.
--poll: read the state once, for poll-job. --captured FILE.json: the file for the results (captured.py); FILE.line gets
the complete result if the results of all Pods were seen. --never-starts FILE: created if the Job can never start.
--failure FILE: the file for the cause of a failure (caller.py). --unscheduled FILE: created if a Job that is not
suspended got no nodes in time. --deletes: run-job will delete a Job that times out. --check: check the Job once, for
follow-job --once, whose options apply. --record FILE: the file for the record if a signal ends this process.
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
from gke_jobs.following.checks import LIST_SECONDS
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
ADVICE_PREFIX = "advice: "  # the prefix of a line of the diagnosis with advice
GRACE_SECONDS = 10.0  # after --timeout the process is ended if it has no verdict
OUTPUT_SECONDS = 60.0  # after the verdict the process is ended; the diagnosis takes up to 20 s, the report 30 s


def main() -> None:
    """Run the command; exit without waiting for its threads."""
    status = exit_codes.INTERRUPTED
    try:
        status = _run()
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # stdout or stderr is closed
        status = exit_codes.INTERRUPTED
    except Exception:  # also if stderr is None, because it was closed from the start; the exit code does not change
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
    except BrokenPipeError:  # stdout or stderr is closed
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
    parser.add_argument("--poll", action="store_true")
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
    """Return the settings from the options. Without --start-timeout, --poll does not read Pods."""
    others = options.others
    return Settings(
        job=options.job,
        namespace=options.namespace,
        uid=options.uid,
        limits=Limits(
            timeout=others.timeout,
            schedule=others.schedule_timeout,
            start=others.start_timeout or (None if others.poll else START_SECONDS),
            heartbeat=others.heartbeat or HEARTBEAT_SECONDS,
        ),
        unreachable=options.reader.unreachable_seconds,
        max_log_streams=others.max_log_streams,
        logs=others.logs,
        is_poll=others.poll,
        waited=Waited(total=others.waited, for_nodes=others.waited_for_nodes, to_start=others.waited_to_start),
        epoch=time.time() - time.monotonic(),
    )


def follow(options: JobOptions) -> int:
    """Follow the Job until it is finished; return the exit code."""
    others = options.others
    if others.timeout:  # while stdout or stderr blocks, the follower does not check its clocks
        left = max(0.0, others.timeout - others.waited) + (LIST_SECONDS + CHECK_SECONDS if others.check else 0.0)
        exit_after(left + GRACE_SECONDS, exit_codes.TIMEOUT)
    before = check_state.read(others.check_state, options.uid) if others.check else None
    follower = Follower(settings_of(options), time.monotonic(), before)
    streaming = Streaming(options.connection, options.namespace, lambda kind, uid: _selector(options.job, kind, uid))
    if others.record:
        write_at_signal(others.record, lambda: _record(follower, End()) if follower.job_json else None)
    end = _run_follower(follower, streaming)
    if others.timeout:
        exit_after(OUTPUT_SECONDS, end.status)
    _write_state(others, follower, end)
    explanation = _explanation(options, follower) if end.explain else None
    if explanation:
        print_explanation(explanation.text)
    failure = _failure(follower, end, explanation)
    _write_failure(others.failure, end, failure)
    if follower.job_json and not others.poll and end.status != exit_codes.NOT_FINISHED:
        record = _record(follower, _end_of_record(others, end, explanation, failure["advice"]))
        if others.report:  # before the summary: after a signal in between, run-job prints the only summary
            from gke_jobs.timeline.report_file import write_report  # not needed without a report

            write_report(others.report, options.connection, options.namespace, record)
        print_end(record)
    log_or_fail(end.reason, ERROR if end.status not in (0, exit_codes.NOT_FINISHED) else "")
    return end.status


def exit_after(seconds: float, status: int) -> None:
    """End this process with an exit code after this time, for example because its output blocks."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(status))
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _selector(job: str, kind: Kind, uid: str) -> dict[str, str]:
    if kind is Kind.JOB:
        return {"fieldSelector": f"metadata.name={job}"}
    return {"labelSelector": f"{CONTROLLER_UID}={uid}"}


def _run_follower(follower: Follower, streaming: Streaming) -> Finish:
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


def _write_state(others: Any, follower: Follower, end: Finish) -> None:
    """Write files for the later stages of run-job, and the state for the next check."""
    if others.captured:
        with suppress(OSError):  # if the disk is full, collect-job reads the results from the cluster
            results = follower.pods.results()
            captured.write(others.captured, follower.job_json, results)
            if end.status == 0 and (line := captured.complete_result(follower.job, results)):
                new = others.captured.with_suffix(".new")
                new.write_text(line, encoding="utf-8")
                new.rename(others.captured.with_suffix(".line"))
    if others.check_state and (state := follower.check_state()) is not None:
        try:
            check_state.write(others.check_state, follower.uid, state)
        except OSError as error:
            file = one_line(str(others.check_state))
            again = (
                "the next check prints these log lines again, and loses the results of Pods that are removed meanwhile"
            )
            log(f"cannot write {file}: {error.strerror}: {again}")
    if others.never_starts and end.never_starts:
        others.never_starts.touch()
    if others.unscheduled and end.unscheduled:
        others.unscheduled.touch()


def _record(follower: Follower, end: End) -> Record:
    return record_now(follower.job_json, follower.pods.runs, end, follower.logs.bytes)


def _end_of_record(others: Any, end: Finish, explanation: Explanation | None, advice: str) -> End:
    by_others = end.removed and end.status != 0
    by_run_job = (others.deletes and end.status == exit_codes.TIMEOUT) or (others.never_starts and end.never_starts)
    return End(
        status=end.status,
        reason=end.reason,
        cause=explanation.cause if explanation else "",
        advice=advice,
        deleted=bool(by_others or by_run_job),
    )


def _failure(follower: Follower, end: Finish, explanation: Explanation | None) -> dict[str, Any]:
    lines, cause = (explanation.text.splitlines(), explanation.cause) if explanation else ([], "")
    problem = cause.split(": ", 2)[-1]  # without the names of the Pod and the container
    return {
        "cause": "" if problem in end.reason else cause,
        "advice": next((line.removeprefix(ADVICE_PREFIX) for line in lines if line.startswith(ADVICE_PREFIX)), ""),
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
    """Write the diagnosis to stderr as warnings. The first advice is an error, like the final message."""
    advice = ERROR
    for line in text.splitlines(keepends=True):
        is_advice = line.startswith(ADVICE_PREFIX)
        sys.stderr.write(f"{advice if is_advice else WARNING}{line}")
        advice = WARNING if is_advice else advice
    sys.stderr.flush()


def print_lines(data: bytes) -> None:
    """Write log lines to stdout, if possible with one system call."""
    while data:
        data = data[os.write(1, data) :]
