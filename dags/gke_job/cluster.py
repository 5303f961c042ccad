"""Names the cluster that a Job runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compat import Param

CLUSTER_FIELDS = ("project", "location", "name", "context")
# The fields that choose an endpoint, and the option of each; ACCESS_FLAGS of scripts/lib/bash/access.bash.
ENDPOINTS = {"internal_ip": "internal-ip", "dns_endpoint": "dns-endpoint"}


@dataclass(frozen=True, kw_only=True)
class GkeCluster:
    """A GKE cluster, or a context of the worker's kubeconfig; with neither, the current context of that kubeconfig.

    Every field may contain Jinja. An empty field counts as missing, so that a DAG param can be empty. `internal_ip` and
    `dns_endpoint` are booleans, or strings that render to `True` or `False`.

    :param project: ID of the Google Cloud project of the cluster
    :param location: region (`europe-west4`) or zone (`europe-west4-a`) of the cluster
    :param name: name of the cluster
    :param context: name of a kubeconfig context, instead of all other fields
    :param internal_ip: use the private IP endpoint of the cluster
    :param dns_endpoint: use the DNS endpoint of the cluster, which needs the permission `container.clusters.connect`
    :param fleet_membership: name of the cluster's fleet membership, instead of `name`: the cluster is reached through
        Connect gateway. `location` is then the location of the membership, and optional
    :param impersonate_service_account: email address of the service account to impersonate
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
        """Returns the cluster that the params of a DAG run name.

        The DAG needs `params={**GkeCluster.params(), ...}`.
        """
        return cls(
            project="{{ params.project or '' }}",
            location="{{ params.location or '' }}",
            name="{{ params.cluster or '' }}",
            **{field: f"{{{{ params.get('endpoint') == '{option}' }}}}" for field, option in ENDPOINTS.items()},
        )

    @staticmethod
    def params() -> dict[str, Param]:
        """Returns the params with which a DAG run names a cluster and its endpoint.

        If project, location and cluster are empty, they name the current context of the kubeconfig.
        """
        from .compat import Param  # imported here because a triggerer does not need it

        descriptions = {
            "project": "Google Cloud project of the cluster",
            "location": "Region or zone of the cluster",
            "cluster": "Cluster; empty: current context of the worker's kubeconfig",
        }
        # Null, because the form of Airflow 3 does not accept an empty string.
        params = {name: Param(None, type=["null", "string"], description=text) for name, text in descriptions.items()}
        # Without null, because the form of Airflow 2.11 sends the text "None" for it.
        endpoints = ["external-ip", *ENDPOINTS.values()]
        description = "Endpoint of the cluster"
        return params | {"endpoint": Param(endpoints[0], type="string", enum=endpoints, description=description)}

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as a dict. Empty fields are left out, except those of CLUSTER_FIELDS."""
        return {name: value for name, value in vars(self).items() if value or name in CLUSTER_FIELDS}

    def arguments(self) -> list[str]:
        """Returns the options that name this cluster to the scripts.

        :raises ValueError: one of project, location and name is missing, or a context is given with them; an endpoint
            or authentication is given without a cluster; a switch is not a boolean
        """
        return [*self._cluster_options(), *self._access_options()]

    def _cluster_options(self) -> list[str]:
        if self.fleet_membership:
            return self._membership_options()
        fields = {"project": self.project, "location": self.location, "name": self.name}
        missing = [field for field, value in fields.items() if not value]
        if len(missing) == len(fields):
            if access := self._access_options():
                raise ValueError(f"GkeCluster has {access[0]}, but no cluster: give project, location and name")
            return ["--context", str(self.context)] if self.context else []
        if missing:
            raise ValueError(f"GkeCluster {fields}: {' and '.join(missing)} is empty; give all three or none")
        if self.context:
            raise ValueError(f"GkeCluster {fields}: context {self.context!r} is also given; give only one of the two")
        # Native rendering turns a project number into an int.
        return ["--project", str(self.project), "--location", str(self.location), "--cluster", str(self.name)]

    def _membership_options(self) -> list[str]:
        membership = f"GkeCluster {{'fleet_membership': {self.fleet_membership!r}}}"
        if not self.project:
            raise ValueError(f"{membership}: project is empty; give the project of the fleet")
        if self.name or self.context:
            raise ValueError(f"{membership}: name or context is also given; give only one of them")
        location = ["--location", str(self.location)] if self.location else []
        return ["--project", str(self.project), *location, "--fleet-membership", str(self.fleet_membership)]

    def _access_options(self) -> list[str]:
        switches = {f"--{option}": getattr(self, field) for field, option in ENDPOINTS.items()}
        options = {"--impersonate-service-account": self.impersonate_service_account, "--auth": self.auth}
        access = [name for name, switch in switches.items() if _is_true(name, switch)]
        return [*access, *(word for name, value in options.items() if value for word in (name, str(value)))]


def _is_true(name: str, switch: bool | str) -> bool:
    text = str(switch).lower()
    if text not in ("true", "false", "none", ""):
        raise ValueError(
            f"GkeCluster: {name} is {switch!r}; give True or False, or a string that renders to one of them"
        )
    return text == "true"
