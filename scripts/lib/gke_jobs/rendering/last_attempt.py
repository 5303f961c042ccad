"""The end of the last attempt of a task, as far as the profile of the next one depends on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gke_jobs.rendering.render_error import USAGE, RenderError


@dataclass(frozen=True, kw_only=True)
class LastAttempt:
    """The last attempt of a task.

    oom: a container of it was OOMKilled
    unscheduled: it got no nodes within so many seconds, its --schedule-timeout; 0 for any other end
    lost: how many attempts with its profile, up to this one, were lost to preemption
    escalate, fallback: whether the profile in `next`, and in `fallback`, may follow
    """

    profile: str
    oom: bool = False
    unscheduled: int = 0
    lost: int = 0
    escalate: bool = False
    fallback: bool = False

    @property
    def is_reason(self) -> bool:
        """Whether the next attempt may need another profile because of it, or has to count it."""
        return self.oom or self.unscheduled > 0 or self.lost > 0


_EXAMPLE = LastAttempt(profile="")


def write(last: LastAttempt, file: Path) -> None:
    """Write the attempt to a file, for `read`."""
    file.write_text(json.dumps(vars(last)))


def read(file: Path) -> LastAttempt:
    """Return the attempt from a file of `write`; RenderError for any other file."""
    try:
        last = LastAttempt(**json.loads(file.read_text()))
    except OSError as error:
        raise _unreadable(file, error.strerror) from None
    except (ValueError, TypeError, RecursionError):
        raise _unreadable(file, f"it is not a JSON object with {', '.join(vars(_EXAMPLE))}") from None
    for name, value in vars(last).items():
        if type(value) is not type(getattr(_EXAMPLE, name)):
            raise _unreadable(file, f"{name} is {value!r}")
    return last


def _unreadable(file: Path, reason: object) -> RenderError:
    return RenderError(USAGE, f"cannot read the last attempt: {reason}", where=file, fix="let submit-job write it")
