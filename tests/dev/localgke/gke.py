"""Imitates the GKE API as far as `gcloud container clusters get-credentials` needs it: clusters, found or listed.

All clusters of the file are the same cluster with different endpoints.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from localgke.config import Config, NodePool
from localgke.google_errors import error, refuse, unauthenticated
from localgke.tokens import Tokens

CLUSTERS = "/v1/projects/{project}/locations/{location}/clusters{cluster:(/[^/]+)?}"


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """HOST:PORT of the endpoints of the Kubernetes API. `silent` accepts connections and never answers; without it and
    `dns` there is one cluster with one endpoint.
    """

    public: str
    dns: str = ""
    silent: str = ""


def make_app(config: Config, tokens: Tokens, endpoints: Endpoints, ca: Path) -> web.Application:
    """Returns the GKE API as an aiohttp application; `ca` is the CA certificate of the Kubernetes API."""
    server = _Server(config, tokens, endpoints, base64.b64encode(ca.read_bytes()).decode())
    app = web.Application()
    app.router.add_get(CLUSTERS, server.find)
    app.router.add_route("*", "/{path:.*}", refuse)
    return app


class _Server:
    def __init__(self, config: Config, tokens: Tokens, endpoints: Endpoints, certificate: str):
        self._config, self._tokens, self._certificate = config, tokens, certificate
        public, silent = endpoints.public, endpoints.silent
        self._clusters = {config.name: self._cluster(config.name, public, dns=endpoints.dns)}
        if silent:
            for name in config.private_clusters:
                self._clusters[name] = self._cluster(name, silent, private=public)
            for name in config.dns_clusters:
                self._clusters[name] = self._cluster(name, "", dns=endpoints.dns)

    def _cluster(self, name: str, public: str, *, private: str = "", dns: str = "") -> dict[str, Any]:
        dns_endpoint = {"endpoint": dns, "allowExternalTraffic": True} if dns else {"allowExternalTraffic": False}
        cluster: dict[str, Any] = {
            "name": name,
            "location": self._config.location,
            "zone": self._config.location,
            "selfLink": f"https://container.googleapis.com/v1/projects/{self._config.project}/locations/"
            f"{self._config.location}/clusters/{name}",
            "status": "RUNNING",
            "currentMasterVersion": self._config.version,
            "currentNodeVersion": self._config.version,
            "endpoint": public,
            "masterAuth": {"clusterCaCertificate": self._certificate},
            "nodePools": [_node_pool(pool) for pool in self._config.node_pools],
            "controlPlaneEndpointsConfig": {
                "dnsEndpointConfig": dns_endpoint,
                "ipEndpointsConfig": {"enabled": bool(public)},
            },
        }
        if private:
            cluster["privateClusterConfig"] = {"enablePrivateNodes": True, "privateEndpoint": private}
        return cluster

    async def find(self, request: web.Request) -> web.Response:
        """Answers with a cluster, or with all clusters of a location (`-`: of all), which gcloud suggests in errors."""
        project, location, name = (request.match_info[key] for key in ("project", "location", "cluster"))
        permission = "container.clusters.get" if name else "container.clusters.list"
        path = request.path.removeprefix("/v1/")
        user = self._tokens.user(request.headers.get("Authorization", ""))
        if user is None:
            return unauthenticated()
        if project != self._config.project or not user.may(permission):
            return error(403, "PERMISSION_DENIED", f'Required "{permission}" permission(s) for "{path}".')
        here = location in (self._config.location, "-")
        if not name:
            return web.json_response({"clusters": list(self._clusters.values()) if here else []})
        found = self._clusters.get(name.removeprefix("/")) if here else None
        if found is None:
            return error(404, "NOT_FOUND", f"Not found: {path}.")
        return web.json_response(found)


def _node_pool(pool: NodePool) -> dict[str, Any]:
    labels = dict(pool.labels)
    config: dict[str, Any] = {"machineType": "e2-standard-4", "labels": labels, "spot": pool.spot}
    # The API has other names for the effects, and a field for the GPU, which is a label in Kubernetes.
    config["taints"] = [{**taint, "effect": "NO_SCHEDULE"} for taint in pool.taints]
    if (gpu := labels.pop("cloud.google.com/gke-accelerator", "")) and "nvidia.com/gpu" in pool.allocatable:
        config["accelerators"] = [{"acceleratorType": gpu, "acceleratorCount": pool.allocatable["nvidia.com/gpu"]}]
    return {
        "name": pool.name,
        "config": config,
        "initialNodeCount": pool.size,
        "autoscaling": {"enabled": True, "minNodeCount": 0, "maxNodeCount": pool.max_size},
    }
