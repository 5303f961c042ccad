"""The phases of a Pod, as used in logs, clocks, diagnosis and timeline."""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """The phase of a Pod. The value follows `Pod NAME is` or precedes a colon."""

    WAITING = "waiting for a node"  # the scheduler, the autoscaler, Kueue
    STARTING = "starting"  # on its node: volumes, network, image
    STUCK = "unable to start"  # on its node, or a claim is missing; often temporary: tolerated for --start-timeout
    RUNNING = "running"
    RESTARTING = "restarting"  # a container ended and waits for its restart
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "on an unreachable node"
    REMOVED = "removed"
