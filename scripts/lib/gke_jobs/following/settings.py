"""What the follower of one Job is to do."""

from __future__ import annotations

from dataclasses import dataclass

from gke_jobs.following.clocks import NOT_WAITED, Limits, Waited


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is followed, and how. Times in seconds.

    namespace: for messages
    uid: of the Job, '' for the one that has the name now; once: to look only once (poll-job), and at Pods only
    where limits.start is given
    waited: by others before, for a check; epoch: what makes seconds since the epoch of those of the monotonic clock
    """

    job: str
    namespace: str
    uid: str
    limits: Limits
    unreachable: float
    max_log_streams: int
    logs: str
    once: bool = False
    waited: Waited = NOT_WAITED
    epoch: float = 0.0

    @property
    def shown_logs(self) -> str:
        """Whose logs are printed: all, failed or none."""
        return "none" if self.once else self.logs
