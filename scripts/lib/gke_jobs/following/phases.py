"""The phases of a Pod, one vocabulary for logs, clocks, diagnosis and timeline."""

from __future__ import annotations

from enum import Enum


class Phase(Enum):
    """What a Pod does; the value stands after `Pod NAME is` or before a colon."""

    WAITING = "waiting for a node"  # the scheduler, the autoscaler, Kueue
    STARTING = "starting"  # on its node: volumes, network, image
    STUCK = "unable to start"  # on its node, or for want of a claim; often heals: tolerated for --start-timeout
    RUNNING = "running"
    RESTARTING = "restarting"  # a container ended and waits to be started again
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "on a node that does not answer"
    REMOVED = "removed"
