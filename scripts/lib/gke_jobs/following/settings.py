"""The settings of the follower of one Job."""

from __future__ import annotations

from dataclasses import dataclass

from gke_jobs.following.clocks import NOT_WAITED, Limits, Waited


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The Job to follow, and the options. Times are in seconds.

    namespace: for messages
    uid: of the Job, '' for the one that has the name now
    is_poll: to read the state only once, for poll-job, and Pods only if limits.start is given
    waited: by earlier processes, for a check; epoch: to add to the monotonic clock for seconds since the epoch
    """

    job: str
    namespace: str
    uid: str
    limits: Limits
    unreachable: float
    max_log_streams: int
    logs: str
    is_poll: bool = False
    waited: Waited = NOT_WAITED
    epoch: float = 0.0

    @property
    def shown_logs(self) -> str:
        """The containers whose logs are printed: all, failed or none."""
        return "none" if self.is_poll else self.logs
