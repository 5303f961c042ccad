"""Which cluster a Job runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .compat import Param


@dataclass(frozen=True, kw_only=True)
class GkeCluster:
    """A GKE cluster, or a context of the worker's kubeconfig; with neither, that kubeconfig's current context.

    Every field is a string and may hold Jinja. An empty field counts as not given, so a DAG param can leave it out.

    :param project: id of the Google Cloud project the cluster is in
    :param location: region (`europe-west4`) or zone (`europe-west4-a`) of the cluster
    :param name: name of the cluster
    :param context: name of a kubeconfig context, instead of the other three
    """

    project: str = ""
    location: str = ""
    name: str = ""
    context: str = ""

    @classmethod
    def from_params(cls) -> GkeCluster:
        """The cluster that the params of the DAG run name; the DAG has `params={**GkeCluster.params(), ...}`."""
        return cls(
            project="{{ params.project or '' }}",
            location="{{ params.location or '' }}",
            name="{{ params.cluster or '' }}",
        )

    @staticmethod
    def params() -> dict[str, Param]:
        """Params of a DAG that name a cluster; with all three left out it is the current context of the kubeconfig."""
        from .compat import Param  # which a triggerer does not need

        described = {
            "project": "Google Cloud project of the cluster",
            "location": "Region or zone of the cluster",
            "cluster": "Cluster; empty: current context of the worker's kubeconfig",
        }
        # Null, because the form of Airflow 3 does not start a run with an empty text.
        return {name: Param(None, type=["null", "string"], description=text) for name, text in described.items()}

    def arguments(self) -> list[str]:
        """The options that name this cluster to the scripts.

        :raises ValueError: part of project, location and name is missing, or a context is given beside them
        """
        place = {"project": self.project, "location": self.location, "name": self.name}
        missing = [field for field, value in place.items() if not value]
        if len(missing) == len(place):
            return ["--context", str(self.context)] if self.context else []
        if missing:
            raise ValueError(f"GkeCluster {place}: {' and '.join(missing)} is empty; give all three or none")
        if self.context:
            raise ValueError(f"GkeCluster {place}: context {self.context!r} is given too; give one or the other")
        # Native rendering makes a number of a project number.
        return ["--project", str(self.project), "--location", str(self.location), "--cluster", str(self.name)]
