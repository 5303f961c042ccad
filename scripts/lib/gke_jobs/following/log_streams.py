"""Schedules the log streams: limits their number, resumes streams that break, and gives up streams without data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gke_jobs.errors import Answer, Verdict, classify
from gke_jobs.following.events import Action, Lines, LogEnded, LogId, LogPiece, Message, StartLog, StopLog, warning
from gke_jobs.following.log_positions import LogState, Position
from gke_jobs.following.logs import ContainerLog
from gke_jobs.following.pod_view import ContainerView, Pod
from gke_jobs.plain_text import is_name

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds until a broken stream is resumed
END_SECONDS = 5.0  # for a stream to end after its container; a dropped stream never ends
ATTEMPTS = 3  # to read the end of a log of an ended container; by then a restarted API server authorizes them
SILENT_SECONDS = 2.0  # after the end of the Job, a log is given up if only errors come for so long
DRAIN_SECONDS = 10.0  # after the end of the Job, no log is read for longer
CHECK_SILENT_SECONDS, CHECK_SECONDS = 5.0, 60.0  # the same in a check, which may have to read hours of a log


@dataclass
class _Log:
    """One log. stream: number of the current or last stream; resumes: when the next one begins, None while one runs."""

    pod: str
    container: str
    title: str
    text: ContainerLog
    order: tuple[bool, int]  # main containers first, then in the order of appearance
    restarts: int = 0
    ended: bool = False
    ended_at: float = 0.0
    done: bool = False
    stream: int = 0
    resumes: float | None = 0.0
    asked: float = 0.0
    heard: float | None = None
    complete: bool = False  # the stream has a defined end: the container had ended, or it is a check
    was_read: bool = False  # the log of this run of the container is complete
    attempts: int = 0
    pause: float = FIRST_PAUSE
    logged: set[str] = field(default_factory=set)

    @property
    def id(self) -> LogId:
        return LogId(self.pod, self.container, self.stream)

    @property
    def is_open(self) -> bool:
        return self.resumes is None and not self.done

    @property
    def dropped_at(self) -> float | None:
        """The time at which the current stream counts as dropped, if no data comes before."""
        if not self.is_open or not self.ended or self.complete:
            return None
        return max(self.asked if self.heard is None else self.heard, self.ended_at) + END_SECONDS


class LogStreams:
    """The logs of the Pods of a Job.

    most: streams at once; shown: all, failed or none
    before: the positions of the logs, for a check, which reads the present content once, after `drain`; None to follow
    """

    def __init__(self, *, job: str, most: int, shown: str, before: Mapping[str, LogState] | None = None) -> None:
        self._job, self._most, self._shown = job, most, shown
        self._is_check, self._before = before is not None, before or {}
        self._silent, self._longest = (
            (CHECK_SILENT_SECONDS, CHECK_SECONDS) if self._is_check else (SILENT_SECONDS, DRAIN_SECONDS)
        )
        self._logs: dict[tuple[str, str], _Log] = {}
        self._drained_since: float | None = None
        self._is_last = not self._is_check  # no later process reads further
        self._allowed = False  # a log was read before, so this is permitted
        self.bytes = 0  # printed by this and the earlier checks

    def shown_logs(self) -> set[tuple[str, str]]:
        """Return (Pod, container) of each log that was printed as far as it could be read, and that was not empty."""
        done = [log for log in self._logs.values() if log.done and not log.text.is_gone]
        return {(log.pod, log.container) for log in done if log.text.since or (log.was_read and not log.stream)}

    def positions(self) -> dict[str, LogState]:
        """Return the positions of the logs of existing Pods, for the next check; oldest first."""
        states = {
            self._key(log.pod, log.container): LogState(
                restarts=log.restarts, position=None if log.was_read and log.ended else log.text.position
            )
            for log in self._logs.values()
        }
        return {key: states[key] for key in [*(key for key in self._before if key in states), *states]}

    def _key(self, pod: str, container: str) -> str:
        return f"{pod.removeprefix(f'{self._job}-')} {container}"

    def add_pod(self, pod: Pod, now: float) -> None:
        """Register the containers of a Pod that run or have run: these have logs."""
        for container in pod.containers:
            if not (container.running or container.exit_code is not None) or not is_name(container.name):
                continue
            if self.is_draining and container.running:
                continue
            log = self._logs.get((pod.name, container.name))
            if log is None:
                if self._shown == "none" or (self._shown == "failed" and not container.exit_code):
                    continue
                log = self._new(pod, container)
            if container.restarts > log.restarts:  # its next run writes a new log, with later times
                log.restarts, log.attempts, log.ended, log.was_read = container.restarts, 0, False, False
                log.text.expect_new_run()
                if log.done:
                    log.done, log.resumes = False, now
            if container.exit_code is not None and not log.ended and not container.running:
                log.ended, log.ended_at = True, now
                log.resumes = None if log.resumes is None else now

    def _new(self, pod: Pod, container: ContainerView) -> _Log:
        prefix = pod.name.removeprefix(f"{self._job}-")
        prefix += "" if container.is_main else f" {container.name}"
        before = self._before.get(self._key(pod.name, container.name), LogState(restarts=0, position=Position()))
        log = _Log(
            pod=pod.name,
            container=container.name,
            title=f"the log of {pod.title}, {container.kind} {container.name},",
            text=ContainerLog(f"{prefix} | ".encode(), before.position),
            order=(not container.is_main, len(self._logs)),
            restarts=before.restarts,
            done=before.position is None,
            was_read=before.position is None,
        )
        self._logs[pod.name, container.name] = log
        return log

    def piece(self, event: LogPiece, now: float) -> Iterator[Action]:
        """Process a piece of a stream; ignore pieces of former streams."""
        log = self._current(event.stream)
        if log is None:
            return
        log.heard = now
        log.pause = FIRST_PAUSE
        if lines := log.text.feed(event.data, now):
            yield self._lines(lines)
        if log.text.has_gap:
            log.text.has_gap = False
            yield warning(f"{log.title} may be missing lines here: the node no longer has the earlier lines")

    def opened(self, stream: LogId, now: float) -> None:
        """Record that the server has begun to answer."""
        self._allowed = True
        if log := self._current(stream):
            log.heard = now

    def ended(self, event: LogEnded, now: float) -> Iterator[Action]:
        """Record that a stream has ended, and decide whether the log has ended."""
        log = self._current(event.stream)
        if log is None:
            return
        is_whole = event.answer is None and log.complete
        is_answered = event.answer is None or event.answer.code is not None
        log.attempts += log.complete and (is_answered or self.is_draining)  # an outage does not use up attempts
        is_lost = event.answer is not None and self._is_final(event.answer, log)
        is_final = is_lost or log.attempts >= ATTEMPTS
        log.done = is_whole or is_final
        log.was_read = is_whole or (is_lost and not self._is_check)
        yield from self._end_text(log, now)
        message = _reason(event.answer)
        if log.text.is_gone:
            log.done = log.was_read = True
            yield Message(f"{log.title} is no longer on its node")
        elif is_lost or (is_final and not is_whole and self._is_last):
            lost = f"{log.title} cannot be read completely: {message}"
            if event.answer is not None and _is_removed(log, event.answer):
                lost = f"Pod {log.pod} was removed before the end of the log of container {log.container} was read"
            yield warning(lost)
        if log.done:
            return
        pause = SILENT_SECONDS / (ATTEMPTS - 1) if self.is_draining else log.pause
        log.resumes = now if log.ended and not log.complete else now + pause
        log.pause = min(2 * log.pause, LONGEST_PAUSE)
        if event.answer is not None and message not in log.logged:
            log.logged.add(message)
            yield Message(f"{log.title} cannot be read now; reading resumes later: {message}")

    def _end_text(self, log: _Log, now: float) -> Iterator[Action]:
        """End a stream. End its last line too, unless the rest may follow in another stream or in the next check."""
        is_whole = log.done and (self._is_last or (log.was_read and log.ended))
        lines = log.text.progress(now, at_once=True) if log.done and not is_whole else b""
        if lines := lines + log.text.end(is_whole=is_whole):
            yield self._lines(lines)

    def _lines(self, data: bytes) -> Lines:
        self.bytes += len(data)
        return Lines(data)

    def _is_final(self, answer: Answer, log: _Log) -> bool:
        # An API server that has just started may deny requests that it allowed before.
        return _is_removed(log, answer) or (classify(answer).verdict is Verdict.DENIED and not self._allowed)

    def _current(self, stream: LogId) -> _Log | None:
        log = self._logs.get((stream.pod, stream.container))
        return log if log and log.is_open and log.stream == stream.number else None

    def act(self, now: float) -> Iterator[Action]:
        """Start the streams that are due, up to the limit, and print progress bars."""
        if self._is_check and not self.is_draining:
            return
        for log in self._logs.values():
            if log.dropped_at is not None and now >= log.dropped_at:
                yield StopLog(log.id)
                log.text.end(is_whole=False)
                log.resumes = now
        room = self._free_slots()
        for log in sorted(self._waiting(), key=lambda log: log.order):
            if room > 0 and log.resumes is not None and log.resumes <= now:
                room -= 1
                log.stream += 1
                log.resumes, log.asked, log.heard, log.complete = None, now, None, log.ended or self._is_check
                yield StartLog(log.id, log.text.since, follows=not self._is_check)
        for log in self._logs.values():
            if log.is_open and (lines := log.text.progress(now)):
                yield Lines(lines)

    def next_time(self) -> float | None:
        """Return when `act` or `drained` must be called again if no event comes before."""
        if self._is_check and not self.is_draining:
            return None
        times = [log.resumes for log in self._waiting() if log.resumes is not None] if self._free_slots() > 0 else []
        times += [log.dropped_at for log in self._logs.values() if log.dropped_at is not None]
        bars = [log.text.progress_at for log in self._logs.values() if log.is_open]
        times += [time for time in bars if time is not None]
        if self._drained_since is not None:
            times += [self._times_out_at(log, self._drained_since) for log in self._logs.values() if not log.done]
        return min(times, default=None)

    def _waiting(self) -> list[_Log]:
        return [log for log in self._logs.values() if not log.done and not log.is_open]

    def _free_slots(self) -> int:
        return self._most - sum(log.is_open for log in self._logs.values())

    def drain(self, now: float, *, is_last: bool = True) -> Iterator[Action]:
        """Begin the end: from now on, read only containers that have ended, and wait for none.

        A check starts with this: it reads all that is present. is_last: whether no other check follows
        """
        self._drained_since, self._is_last = now, is_last
        for log in self._logs.values():
            if not log.done and not log.ended and not self._is_check:
                yield from self._time_out(log, now)
            elif not log.done and log.resumes is not None:
                log.resumes = now

    def drained(self, now: float) -> Iterator[Action]:
        """Give up the logs without new data."""
        if self._drained_since is None:
            return
        for log in self._logs.values():
            if not log.done and now >= self._times_out_at(log, self._drained_since):
                yield from self._time_out(log, now)
                rest = "" if self._is_last else "; the next check continues"
                yield warning(f"{log.title} could not be read completely in time{rest}")

    @property
    def is_draining(self) -> bool:
        """Whether `drain` was called."""
        return self._drained_since is not None

    @property
    def is_drained(self) -> bool:
        """Whether there is nothing more to read."""
        return all(log.done for log in self._logs.values())

    def _times_out_at(self, log: _Log, job_end: float) -> float:
        """Return when a log is given up if no more data comes. job_end: when the Job ended."""
        if not log.is_open:
            return job_end + self._longest
        # A request without an answer for so long is not awaited: a node that does not answer must not delay the end.
        is_silent = log.heard is None and job_end - log.asked >= DRAIN_SECONDS
        silent = log.asked if is_silent else max(log.asked, log.heard or job_end, job_end)
        return min(job_end + self._longest, silent + self._silent)

    def _time_out(self, log: _Log, now: float) -> Iterator[Action]:
        if log.is_open:
            yield StopLog(log.id)
        log.done = True
        yield from self._end_text(log, now)


def _is_removed(log: _Log, answer: Answer) -> bool:
    # Other NotFound errors do not count: a kubelet that has just started does not know its Pods yet.
    return classify(answer).verdict is Verdict.ABSENT and f'pods "{log.pod}" not found' in answer.message


def _reason(answer: Answer | None) -> str:
    return classify(answer).message if answer else "the stream ended before the end of the log"
