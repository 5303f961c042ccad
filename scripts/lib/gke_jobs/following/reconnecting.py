"""The policy for retries and reconnects: when a watch that ended is started again, and when to give up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gke_jobs.errors import LOGIN_SECONDS, Answer, Verdict, classify, exit_code, sentence
from gke_jobs.following.events import Action, Finish, Kind, List, Message, Watch, warning

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between two tries
SHORT_WATCH = 1.0  # seconds; a watch that ends sooner is started again only after this time
PASSING_SECONDS = 60.0  # in which permitted requests may be denied: an API server that has just started does so


@dataclass
class _Watched:
    """One list and its watch.

    version: resourceVersion from which to continue, '' to list; retry: time of the next try, None during one; start:
    time of the last try; lost: time of the first failure; failures: their number; message: the message that was logged
    about them
    """

    start: float
    version: str = ""
    retry: float | None = None
    lost: float | None = None
    pause: float = FIRST_PAUSE
    failures: int = 0
    message: str = ""


class Reconnecting:
    """The watches of one follower.

    what: the name for `cannot watch WHAT`; unreachable: seconds without any answer after which to give up
    """

    def __init__(self, what: str, unreachable: float) -> None:
        self._what, self._unreachable = what, unreachable
        self._watched: dict[Kind, _Watched] = {}
        self._worked = False  # the server has answered before
        self._opened: set[Kind] = set()  # kinds that were watched before, so the right was there
        self._heard = float("-inf")  # time of the last answer to any request

    @property
    def problem(self) -> str:
        """The message about failing watches, '' if none fails or none has failed more than once."""
        return next((watched.message for watched in self._watched.values() if watched.message), "")

    def begin(self, kind: Kind, now: float) -> Action:
        """Start to list and watch, or list again."""
        self._watched[kind] = _Watched(start=now)
        return List(kind)

    def listed(self, kind: Kind, version: str, now: float) -> Iterator[Action]:
        """Continue with a watch after a list."""
        yield from self.answered(kind, now)
        self._watched[kind] = _Watched(version=version, start=now)
        yield Watch(kind, version)

    def seen(self, kind: Kind, version: str, now: float) -> None:
        """Record an event of a watch and the newest resourceVersion."""
        self._heard = now
        if version and kind in self._watched:
            self._watched[kind].version = version

    def opened(self, kind: Kind, now: float) -> Iterator[Action]:
        """Record that a watch has begun."""
        self._opened.add(kind)
        yield from self.answered(kind, now)

    def answered(self, kind: Kind, now: float) -> Iterator[Action]:
        """Record that the server answers."""
        self._worked, self._heard = True, now
        watched = self._watched.get(kind)
        if watched is None:
            return
        failures, message = watched.failures, watched.message
        watched.lost, watched.pause, watched.failures, watched.message = None, FIRST_PAUSE, 0, ""
        for other in self._watched.values() if failures else ():
            if other.failures and other.retry is not None:
                other.retry = now
        if message and not any(other.message for other in self._watched.values()):
            yield Message("the cluster is reachable again")

    def ended(self, kind: Kind, answer: Answer | None, now: float) -> Iterator[Action]:
        """Decide what to do after the end of a list or watch."""
        watched = self._watched[kind]
        if answer is None:
            yield from self.answered(kind, now)
            watched.retry = now if now >= watched.start + SHORT_WATCH else now + SHORT_WATCH
            return
        meaning = classify(answer)
        if meaning.verdict is Verdict.EXPIRED:
            self._heard = now
            watched.version = ""
            watched.retry = now if now >= watched.start + SHORT_WATCH else now + SHORT_WATCH
            return
        watched.lost = now if watched.lost is None else watched.lost
        time_limit = self._time_limit(kind, meaning.verdict)
        since = max(watched.lost, self._heard) if meaning.verdict is Verdict.TRANSIENT else watched.lost
        text = f"cannot watch {self._what}: {meaning.message}"
        if now >= since + time_limit:
            reason = f"cannot watch {self._what}: {sentence(meaning)}"
            yield Finish(exit_code(meaning.verdict), reason, explain=False)
            return
        watched.failures += 1
        if answer.code is None:
            watched.version = ""  # a proxy may drop watches but pass a list
        # The first failure is not logged: a proxy may end each watch after a while.
        is_new = text != watched.message and watched.failures > 1
        if is_new and (self._worked or meaning.verdict is Verdict.TRANSIENT):
            if all(text != other.message for other in self._watched.values()):
                yield warning(f"{text}; retrying for up to {time_limit:g} s")
            watched.message = text
        watched.retry = min(now + watched.pause, since + time_limit)  # the last try is at the end of that time
        watched.pause = min(2 * watched.pause, LONGEST_PAUSE)

    def _time_limit(self, kind: Kind, verdict: Verdict) -> float:
        if verdict is Verdict.TRANSIENT:
            return self._unreachable
        if kind in self._opened or (self._worked and verdict is Verdict.LOGIN):
            return min(PASSING_SECONDS, self._unreachable)
        return min(LOGIN_SECONDS, self._unreachable) if verdict is Verdict.LOGIN else 0.0

    def act(self, now: float) -> Iterator[Action]:
        """Start the watches again that are due."""
        for kind, watched in self._watched.items():
            if watched.retry is not None and watched.retry <= now:
                watched.retry, watched.start = None, now
                yield Watch(kind, watched.version) if watched.version else List(kind)

    def next_time(self) -> float | None:
        """Return when `act` must be called again."""
        return min((watched.retry for watched in self._watched.values() if watched.retry is not None), default=None)
