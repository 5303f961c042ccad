"""The input and output of the core of the follower: events and actions.

Times are seconds of a monotonic clock, which the core does not read itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gke_jobs.errors import Answer
from gke_jobs.json_access import Json
from gke_jobs.kueue import Queued


class Kind(Enum):
    """The kinds of objects that are watched."""

    JOB = "Job"
    PODS = "Pods"


@dataclass(frozen=True)
class Listed:
    """A complete list arrived; objects that are not in it do not exist. version: its resourceVersion."""

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
    """A list or watch has ended: regularly if `answer` is None, otherwise by an error."""

    kind: Kind
    answer: Answer | None


@dataclass(frozen=True)
class EventsRead:
    """The Kubernetes Events of the object with this uid, None if they could not be read."""

    uid: str
    items: Sequence[Json] | None


@dataclass(frozen=True)
class WorkloadRead:
    """The state of the Job in Kueue, None if it could not be read."""

    queued: Queued | None


@dataclass(frozen=True)
class WorkloadsRead:
    """The Workloads of several Jobs, by uid of the Job, None if they could not be read.

    is_served: whether the cluster has the Workload API
    """

    by_job: Mapping[str, Json] | None
    is_served: bool = True


@dataclass(frozen=True)
class LogPiece:
    """A piece of a container's log, split anywhere."""

    stream: LogId
    data: bytes


@dataclass(frozen=True)
class LogEnded:
    """A log stream has ended: regularly if `answer` is None, otherwise by an error."""

    stream: LogId
    answer: Answer | None


@dataclass(frozen=True)
class Tick:
    """Time has passed."""


Event = Listed | Changed | Opened | WatchEnded | EventsRead | WorkloadRead | WorkloadsRead | LogPiece | LogEnded | Tick


@dataclass(frozen=True)
class LogId:
    """A log stream: the Pod, the container, and the number of the stream of that log."""

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
    """List the objects; a watch follows."""

    kind: Kind


@dataclass(frozen=True)
class Watch:
    """Watch from a resourceVersion on."""

    kind: Kind
    version: str


@dataclass(frozen=True)
class ReadEvents:
    """Read the Kubernetes Events of the object with this uid: the Job, or one of its Pods."""

    uid: str


@dataclass(frozen=True)
class ReadWorkload:
    """Read the state of the Job with this uid in this queue of Kueue."""

    uid: str
    queue: str


@dataclass(frozen=True)
class ReadWorkloads:
    """Read the Workloads of the Jobs with these uids."""

    uids: tuple[str, ...]


@dataclass(frozen=True)
class StartLog:
    """Read a log from a time on (RFC 3339, '': from its beginning). follows: to its end, else what exists now."""

    stream: LogId
    since: str
    follows: bool = True


@dataclass(frozen=True)
class StopLog:
    """Stop reading a log."""

    stream: LogId


@dataclass(frozen=True)
class Finish:
    """The wait ends: the exit code, the reason in one line, and whether to print the diagnosis before.

    never_starts: the Job can never start and is useless
    unscheduled: it is not suspended and got no nodes in time
    removed: it no longer exists
    """

    status: int
    reason: str
    explain: bool
    never_starts: bool = False
    unscheduled: bool = False
    removed: bool = False


Action = Message | Lines | List | Watch | ReadEvents | ReadWorkload | ReadWorkloads | StartLog | StopLog | Finish
