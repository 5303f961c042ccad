"""Kubernetes Jobs on a GKE cluster as Airflow tasks.

What a name stands for is imported with its first use: a triggerer, whose event loop an import blocks, needs the module
`trigger` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import GkeCluster
    from .janitor import ReapGkeJobs
    from .operator import GkeJobOperator
    from .preflight import CheckGkeSetup
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
    "ReapGkeJobs": "janitor",
    "Training": "training",
    "training_dag": "training",
    "training_dags": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
