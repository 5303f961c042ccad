"""Which cluster a Job runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compat import Param

PLACE = ("project", "location", "name", "context")


@dataclass(frozen=True, kw_only=True)
class GkeCluster:
    """A GKE cluster, or a context of the worker's kubeconfig; with neither, that kubeconfig's current context.

    Every field may hold Jinja. An empty one counts as not given, so a DAG param can leave it out. `internal_ip` and
    `dns_endpoint` are booleans, or texts that render to `True` or `False`.

    :param project: id of the Google Cloud project the cluster is in
    :param location: region (`europe-west4`) or zone (`europe-west4-a`) of the cluster
    :param name: name of the cluster
    :param context: name of a kubeconfig context, instead of all others
    :param internal_ip: take the private IP endpoint of the cluster
    :param dns_endpoint: take its DNS endpoint, which needs the permission `container.clusters.connect`
    :param fleet_membership: its name as a member of a fleet, instead of `name`: Connect gateway leads to it. `location`
        is that of the membership, and may be left out
    :param impersonate_service_account: email of a service account to act as
    :param auth: `auto` (default), `adc` for application-default credentials, or `gcloud`; see `get-credentials --help`
    """

    project: str = ""
    location: str = ""
    name: str = ""
    context: str = ""
    internal_ip: bool | str = False
    dns_endpoint: bool | str = False
    fleet_membership: str = ""
    impersonate_service_account: str = ""
    auth: str = ""

    @classmethod
    def from_params(cls) -> GkeCluster:
        """The cluster that the params of the DAG run name; the DAG has `params={**GkeCluster.params(), ...}`."""
        return cls(
            project="{{ params.project or '' }}",
            location="{{ params.location or '' }}",
            name="{{ params.cluster or '' }}",
            internal_ip="{{ params.get('endpoint') == 'internal-ip' }}",
            dns_endpoint="{{ params.get('endpoint') == 'dns-endpoint' }}",
        )

    @staticmethod
    def params() -> dict[str, Param]:
        """Params of a DAG that name a cluster and its endpoint.

        With project, location and cluster left out it is the current context of the kubeconfig.
        """
        from .compat import Param  # which a triggerer does not need

        described = {
            "project": "Google Cloud project of the cluster",
            "location": "Region or zone of the cluster",
            "cluster": "Cluster; empty: current context of the worker's kubeconfig",
        }
        # Null, because the form of Airflow 3 does not start a run with an empty text.
        texts = {name: Param(None, type=["null", "string"], description=text) for name, text in described.items()}
        endpoints = [None, "internal-ip", "dns-endpoint"]
        return texts | {"endpoint": Param(None, enum=endpoints, description="Endpoint; empty: the public IP endpoint")}

    def to_dict(self) -> dict[str, Any]:
        """The fields; those of the way to the cluster only where they are given."""
        return {name: value for name, value in vars(self).items() if value or name in PLACE}

    def arguments(self) -> list[str]:
        """The options that name this cluster to the scripts.

        :raises ValueError: part of project, location and name is missing, or a context is given beside them; a way to a
            cluster is given without one; a switch is no boolean
        """
        return [*self._place(), *self._way()]

    def _place(self) -> list[str]:
        if self.fleet_membership:
            return self._membership()
        place = {"project": self.project, "location": self.location, "name": self.name}
        missing = [field for field, value in place.items() if not value]
        if len(missing) == len(place):
            if way := self._way():
                raise ValueError(f"GkeCluster: {way[0]} is given, but no cluster: give project, location and name")
            return ["--context", str(self.context)] if self.context else []
        if missing:
            raise ValueError(f"GkeCluster {place}: {' and '.join(missing)} is empty; give all three or none")
        if self.context:
            raise ValueError(f"GkeCluster {place}: context {self.context!r} is given too; give one or the other")
        # Native rendering makes a number of a project number.
        return ["--project", str(self.project), "--location", str(self.location), "--cluster", str(self.name)]

    def _membership(self) -> list[str]:
        membership = f"GkeCluster {{'fleet_membership': {self.fleet_membership!r}}}"
        if not self.project:
            raise ValueError(f"{membership}: project is empty; give the fleet's")
        if self.name or self.context:
            raise ValueError(f"{membership}: name or context is given too; give one or the other")
        location = ["--location", str(self.location)] if self.location else []
        return ["--project", str(self.project), *location, "--fleet-membership", str(self.fleet_membership)]

    def _way(self) -> list[str]:
        switches = {"--internal-ip": self.internal_ip, "--dns-endpoint": self.dns_endpoint}
        options = {"--impersonate-service-account": self.impersonate_service_account, "--auth": self.auth}
        way = [name for name, switch in switches.items() if _is_on(name, switch)]
        return [*way, *(word for name, value in options.items() if value for word in (name, str(value)))]


def _is_on(name: str, switch: bool | str) -> bool:
    text = str(switch).lower()
    if text not in ("true", "false", "none", ""):
        raise ValueError(f"GkeCluster: {name} is {switch!r}: give True or False, or what renders to that")
    return text == "true"
