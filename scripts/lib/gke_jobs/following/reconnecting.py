"""When a watch that has ended is begun again, and when not any more: the policy for retries and reconnects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gke_jobs.errors import LOGIN_SECONDS, Answer, Verdict, classify, exit_code, sentence
from gke_jobs.following.events import Action, Finish, Kind, List, Message, Watch

LONGEST_PAUSE = 30.0  # seconds between two tries
SHORT_WATCH = 1.0  # a watch that ends sooner is begun again only after so many seconds
PASSING_SECONDS = 60.0  # for which what worked before may be refused: an API server that has just started denies all


@dataclass
class _Watched:
    """One list and its watch. version: from which to go on, '' to list; retry: when, None while one is under way."""

    version: str = ""
    retry: float | None = None
    begun: float = 0.0


class Reconnecting:
    """The watches of one follower.

    what: what is followed, as in `cannot watch WHAT`; unreachable: seconds without any answer until the end
    """

    def __init__(self, what: str, unreachable: float) -> None:
        self._what, self._unreachable = what, unreachable
        self._watched: dict[Kind, _Watched] = {}
        self._worked = False  # the server has answered before
        self._lost: float | None = None  # since when nothing answers
        self._pause = 1.0
        self._words = ""  # what was logged of the present trouble
        self._failures: dict[Kind, int] = {}  # since the last answer

    def begin(self, kind: Kind, now: float) -> Action:
        """Begin to list and watch, or list anew."""
        self._watched[kind] = _Watched(begun=now)
        return List(kind)

    def listed(self, kind: Kind, version: str, now: float) -> Iterator[Action]:
        """Go on from a list with a watch."""
        yield from self.answered()
        self._watched[kind] = _Watched(version=version, begun=now)
        yield Watch(kind, version)

    def seen(self, kind: Kind, version: str) -> None:
        """Take note of the newest resourceVersion."""
        if version:
            self._watched[kind].version = version

    def answered(self) -> Iterator[Action]:
        """Take note that the server answers."""
        if self._words:
            yield Message("the cluster answers again")
        self._worked, self._lost, self._pause, self._words = True, None, 1.0, ""
        self._failures.clear()

    def ended(self, kind: Kind, answer: Answer | None, now: float) -> Iterator[Action]:
        """Decide what follows on the end of a list or watch."""
        watched = self._watched[kind]
        if answer is None:
            yield from self.answered()
            watched.retry = now if now - watched.begun >= SHORT_WATCH else now + SHORT_WATCH
            return
        meaning = classify(answer)
        if meaning.verdict is Verdict.EXPIRED:
            watched.version, watched.retry = "", now + (0.0 if now - watched.begun >= SHORT_WATCH else SHORT_WATCH)
            return
        self._lost = now if self._lost is None else self._lost
        text = f"cannot watch {self._what}: {meaning.words}"
        if now - self._lost >= self._patience(meaning.verdict):
            reason = f"cannot watch {self._what}: {sentence(meaning)}"
            yield Finish(exit_code(meaning.verdict), reason, explain=False)
            return
        self._failures[kind] = self._failures.get(kind, 0) + 1
        if answer.code is None:
            watched.version = ""  # what is on the way may drop watches, and let a list pass
        # The first failure is not logged: what is on the way may end each watch after a while.
        is_news = text != self._words and self._failures[kind] > 1
        if is_news and (self._worked or meaning.verdict is Verdict.TRANSIENT):
            yield Message(f"{text}; retrying for up to {self._patience(meaning.verdict):g} s")
            self._words = text
        watched.retry = now + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _patience(self, verdict: Verdict) -> float:
        if verdict is Verdict.TRANSIENT:
            return self._unreachable
        if self._worked:
            return min(PASSING_SECONDS, self._unreachable)
        return min(LOGIN_SECONDS, self._unreachable) if verdict is Verdict.LOGIN else 0.0

    def act(self, now: float) -> Iterator[Action]:
        """Begin the watches again that are due."""
        for kind, watched in self._watched.items():
            if watched.retry is not None and watched.retry <= now:
                watched.retry, watched.begun = None, now
                yield Watch(kind, watched.version) if watched.version else List(kind)

    def next_time(self) -> float | None:
        """When `act` is to be called again."""
        return min((watched.retry for watched in self._watched.values() if watched.retry is not None), default=None)
