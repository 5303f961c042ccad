"""What goes into the core of the follower, and what comes out.

Times are seconds of a monotonic clock; the core reads none itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gke_jobs.errors import Answer
from gke_jobs.json_access import Json
from gke_jobs.kueue import Queued


class Kind(Enum):
    """What is watched."""

    JOB = "Job"
    PODS = "Pods"


@dataclass(frozen=True)
class Listed:
    """A list of what is watched came whole; what is not in it is not there. version: its resourceVersion."""

    kind: Kind
    items: Sequence[Json]
    version: str


@dataclass(frozen=True)
class Changed:
    """An event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK."""

    kind: Kind
    change: str
    item: Json


@dataclass(frozen=True)
class Opened:
    """The server has begun to answer a watch or a log request."""

    what: Kind | LogId


@dataclass(frozen=True)
class WatchEnded:
    """A list or watch has ended: in order, where `answer` is None, or by an error."""

    kind: Kind
    answer: Answer | None


@dataclass(frozen=True)
class EventsRead:
    """The Kubernetes Events of the object with this uid came, None where they could not be read."""

    uid: str
    items: Sequence[Json] | None


@dataclass(frozen=True)
class WorkloadRead:
    """What Kueue has of the Job came, None where it could not be read."""

    queued: Queued | None


@dataclass(frozen=True)
class WorkloadsRead:
    """What Kueue has of several Jobs came, by the uid of the Job, None where it could not be read.

    is_served: whether the cluster has such a thing
    """

    by_job: Mapping[str, Json] | None
    is_served: bool = True


@dataclass(frozen=True)
class LogPiece:
    """A piece of a container's log came, in any cut."""

    stream: LogId
    data: bytes


@dataclass(frozen=True)
class LogEnded:
    """A log stream has ended: in order, where `answer` is None, or by an error."""

    stream: LogId
    answer: Answer | None


@dataclass(frozen=True)
class Tick:
    """Time has passed."""


Event = Listed | Changed | Opened | WatchEnded | EventsRead | WorkloadRead | WorkloadsRead | LogPiece | LogEnded | Tick


@dataclass(frozen=True)
class LogId:
    """Which log: the Pod, the container, and which stream of that log."""

    pod: str
    container: str
    number: int = 0


@dataclass(frozen=True)
class Message:
    """Log a line about the Job."""

    text: str
    is_warning: bool = field(default=False, compare=False)


def warning(text: str) -> Message:
    """Return a message that is a warning."""
    return Message(text, is_warning=True)


@dataclass(frozen=True)
class Lines:
    """Print lines of a container's log, each with its newline."""

    data: bytes


@dataclass(frozen=True)
class List:
    """List what is watched; then watch it."""

    kind: Kind


@dataclass(frozen=True)
class Watch:
    """Watch from a resourceVersion on."""

    kind: Kind
    version: str


@dataclass(frozen=True)
class ReadEvents:
    """Ask for the Kubernetes Events of the object with this uid: the Job, or one of its Pods."""

    uid: str


@dataclass(frozen=True)
class ReadWorkload:
    """Ask for what Kueue has of the Job with this uid, in this queue."""

    uid: str
    queue: str


@dataclass(frozen=True)
class ReadWorkloads:
    """Ask for what Kueue has of the Jobs with these uids."""

    uids: tuple[str, ...]


@dataclass(frozen=True)
class StartLog:
    """Read a log, from a time on (RFC 3339, '' from its beginning). follows: to its end, else to what is there now."""

    stream: LogId
    since: str
    follows: bool = True


@dataclass(frozen=True)
class StopLog:
    """Stop reading a log."""

    stream: LogId


@dataclass(frozen=True)
class Finish:
    """The wait is over: the exit code, its reason in one line, and whether the diagnosis is to be printed before.

    never_starts: the Job can never start, and is of no more use
    unscheduled: it is not suspended, and got no nodes in time
    removed: it is not there any more
    """

    status: int
    reason: str
    explain: bool
    never_starts: bool = False
    unscheduled: bool = False
    removed: bool = False


Action = Message | Lines | List | Watch | ReadEvents | ReadWorkload | ReadWorkloads | StartLog | StopLog | Finish
