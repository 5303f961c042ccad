"""Which logs are read when: at most so many streams at once, begun again where they break, never waited for in vain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gke_jobs.errors import Answer, Verdict, classify
from gke_jobs.following.events import Action, Lines, LogEnded, LogId, LogPiece, Message, StartLog, StopLog, warning
from gke_jobs.following.logs import ContainerLog
from gke_jobs.following.pod_view import ContainerView, Pod
from gke_jobs.plain_text import is_name

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds before a stream that broke is begun again
END_SECONDS = 5.0  # after the end of a container, for its stream to end; a stream that something dropped never does
ATTEMPTS = 3  # to read the end, once the container has ended; by then an API server that has started lets all in
SILENT_SECONDS = 2.0  # when the Job has ended, a log is given up if nothing but errors comes of it for so long
DRAIN_SECONDS = 10.0  # when the Job has ended, no log is read for longer


@dataclass
class _Log:
    """One log. stream: number of the present or last stream; resumes: when the next one begins, None while one runs."""

    pod: str
    container: str
    title: str
    text: ContainerLog
    order: tuple[bool, int]  # containers of the program first, then as they came
    restarts: int = 0
    ended: bool = False
    ended_at: float = 0.0
    done: bool = False
    stream: int = 0
    resumes: float | None = 0.0
    asked: float = 0.0
    heard: float | None = None
    complete: bool = False  # the present stream was begun when the container had ended
    attempts: int = 0
    pause: float = FIRST_PAUSE
    said: set[str] = field(default_factory=set)

    @property
    def id(self) -> LogId:
        return LogId(self.pod, self.container, self.stream)

    @property
    def is_open(self) -> bool:
        return self.resumes is None and not self.done

    @property
    def dropped_at(self) -> float | None:
        """When the present stream is taken for dropped, if nothing comes before."""
        if not self.is_open or not self.ended or self.complete:
            return None
        return max(self.asked if self.heard is None else self.heard, self.ended_at) + END_SECONDS


class LogStreams:
    """The logs of the Pods of a Job. most: streams at once; shown: all, failed or none."""

    def __init__(self, *, job: str, most: int, shown: str) -> None:
        self._job, self._most, self._shown = job, most, shown
        self._logs: dict[tuple[str, str], _Log] = {}
        self._drained_since: float | None = None
        self._allowed = False  # a log could be read before

    def shown_logs(self) -> set[tuple[str, str]]:
        """Return (Pod, container) of each log of which all that could be had was printed, and that was not empty."""
        done = [log for log in self._logs.values() if log.done and not log.text.is_gone and log.text.since]
        return {(log.pod, log.container) for log in done}

    def want(self, pod: Pod, now: float) -> None:
        """Take note of the containers of a Pod: those that run or have run have logs."""
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
            if container.restarts > log.restarts:  # its next run writes a log of its own; lines go by their times
                log.restarts, log.attempts, log.ended = container.restarts, 0, False
                log.text.expect_new_run()
                if log.done:
                    log.done, log.resumes = False, now
            if container.exit_code is not None and not log.ended and not container.running:
                log.ended, log.ended_at = True, now
                log.resumes = None if log.resumes is None else now

    def _new(self, pod: Pod, container: ContainerView) -> _Log:
        prefix = pod.name.removeprefix(f"{self._job}-")
        prefix += "" if container.is_main else f" {container.name}"
        log = _Log(
            pod=pod.name,
            container=container.name,
            title=f"the log of {pod.title}, {container.kind} {container.name},",
            text=ContainerLog(f"{prefix} | ".encode()),
            order=(not container.is_main, len(self._logs)),
        )
        self._logs[pod.name, container.name] = log
        return log

    def piece(self, event: LogPiece, now: float) -> Iterator[Action]:
        """Take a piece of a stream; one of a stream that is over is not taken."""
        log = self._current(event.stream)
        if log is None:
            return
        log.heard = now
        log.pause = FIRST_PAUSE
        if lines := log.text.feed(event.data, now):
            yield Lines(lines)
        if log.text.has_gap:
            log.text.has_gap = False
            yield warning(f"{log.title} may lack lines here: the node no longer has those before")

    def opened(self, stream: LogId, now: float) -> None:
        """Take note that the server has begun to answer."""
        self._allowed = True
        if log := self._current(stream):
            log.heard = now

    def ended(self, event: LogEnded, now: float) -> Iterator[Action]:
        """Take note that a stream has ended, and decide whether the log has."""
        log = self._current(event.stream)
        if log is None:
            return
        is_whole = event.answer is None and log.complete
        is_answered = event.answer is None or event.answer.code is not None
        log.attempts += log.complete and (is_answered or self.is_draining)  # in an outage no attempt is lost
        is_final = log.attempts >= ATTEMPTS or (event.answer is not None and self._is_final(event.answer, log))
        log.done = is_whole or is_final
        if lines := log.text.end(is_whole=log.done):
            yield Lines(lines)
        words = _words(event.answer)
        if log.text.is_gone:
            log.done = True
            yield Message(f"{log.title} is gone from its node")
        elif is_final and not is_whole:
            yield warning(f"{log.title} cannot be read to its end: {words}")
        if log.done:
            return
        pause = SILENT_SECONDS / (ATTEMPTS - 1) if self.is_draining else log.pause
        log.resumes = now if log.ended and not log.complete else now + pause
        log.pause = min(2 * log.pause, LONGEST_PAUSE)
        if event.answer is not None and words not in log.said:
            log.said.add(words)
            yield Message(f"{log.title} is read on when it can be: {words}")

    def _is_final(self, answer: Answer, log: _Log) -> bool:
        # Not any NotFound: a kubelet that has just started does not know its Pods yet.
        is_gone = classify(answer).verdict is Verdict.ABSENT and f'pods "{log.pod}" not found' in answer.message
        # An API server that has just started denies what it has allowed before.
        return is_gone or (classify(answer).verdict is Verdict.DENIED and not self._allowed)

    def _current(self, stream: LogId) -> _Log | None:
        log = self._logs.get((stream.pod, stream.container))
        return log if log and log.is_open and log.stream == stream.number else None

    def act(self, now: float) -> Iterator[Action]:
        """Begin the streams that are due, as far as there is room, and print progress bars."""
        for log in self._logs.values():
            if log.dropped_at is not None and now >= log.dropped_at:
                yield StopLog(log.id)
                log.text.end(is_whole=False)
                log.resumes = now
        room = self._room()
        for log in sorted(self._waiting(), key=lambda log: log.order):
            if room > 0 and log.resumes is not None and log.resumes <= now:
                room -= 1
                log.stream += 1
                log.resumes, log.asked, log.heard, log.complete = None, now, None, log.ended
                yield StartLog(log.id, log.text.since)
        for log in self._logs.values():
            if log.is_open and (lines := log.text.progress(now)):
                yield Lines(lines)

    def next_time(self) -> float | None:
        """When `act` or `drained` is to be called again, if nothing happens."""
        times = [log.resumes for log in self._waiting() if log.resumes is not None] if self._room() > 0 else []
        times += [log.dropped_at for log in self._logs.values() if log.dropped_at is not None]
        bars = [log.text.progress_at for log in self._logs.values() if log.is_open]
        times += [time for time in bars if time is not None]
        if self._drained_since is not None:
            times += [_given_up_at(log, self._drained_since) for log in self._logs.values() if not log.done]
        return min(times, default=None)

    def _waiting(self) -> list[_Log]:
        return [log for log in self._logs.values() if not log.done and not log.is_open]

    def _room(self) -> int:
        return self._most - sum(log.is_open for log in self._logs.values())

    def drain(self, now: float) -> Iterator[Action]:
        """Begin to come to an end: from now on only containers that have ended are read, and none is waited for."""
        self._drained_since = now
        for log in self._logs.values():
            if not log.done and not log.ended:
                yield from _give_up(log)
            elif not log.done and log.resumes is not None:
                log.resumes = now

    def drained(self, now: float) -> Iterator[Action]:
        """Give up the logs of which nothing comes."""
        if self._drained_since is None:
            return
        for log in self._logs.values():
            if not log.done and now >= _given_up_at(log, self._drained_since):
                yield from _give_up(log)
                yield warning(f"{log.title} could not be read to its end in time")

    @property
    def is_draining(self) -> bool:
        """Whether `drain` was called."""
        return self._drained_since is not None

    @property
    def is_drained(self) -> bool:
        """Whether there is nothing more to read."""
        return all(log.done for log in self._logs.values())


def _given_up_at(log: _Log, begun: float) -> float:
    """When a log is given up, if nothing more comes of it. begun: when the Job had ended."""
    if not log.is_open:
        return begun + DRAIN_SECONDS
    # A request that nothing has answered for long is not waited for: a node that does not answer delays nothing.
    is_dead = log.heard is None and begun - log.asked >= DRAIN_SECONDS
    silent = log.asked if is_dead else max(log.asked, log.heard or begun, begun)
    return min(begun + DRAIN_SECONDS, silent + SILENT_SECONDS)


def _give_up(log: _Log) -> Iterator[Action]:
    if log.is_open:
        yield StopLog(log.id)
    log.done = True
    if lines := log.text.end(is_whole=True):
        yield Lines(lines)


def _words(answer: Answer | None) -> str:
    return classify(answer).words if answer else "the stream ended before the log did"
