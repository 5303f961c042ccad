"""Kubernetes Jobs on a GKE cluster as Airflow tasks.

Each name is imported when it is first used. A triggerer needs only the module `trigger`, and an import blocks its event
loop.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import GkeCluster
    from .operator import GkeJobOperator
    from .preflight import CheckGkeSetup
    from .reaping import ReapGkeJobs
    from .sensor import GkeJobSensor
    from .training import Training, training_dag, training_dags

__all__ = [
    "CheckGkeSetup",
    "GkeCluster",
    "GkeJobOperator",
    "GkeJobSensor",
    "ReapGkeJobs",
    "Training",
    "training_dag",
    "training_dags",
]

_MODULES = {
    "CheckGkeSetup": "preflight",
    "GkeCluster": "cluster",
    "GkeJobOperator": "operator",
    "GkeJobSensor": "sensor",
    "ReapGkeJobs": "reaping",
    "Training": "training",
    "training_dag": "training",
    "training_dags": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
