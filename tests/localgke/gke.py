"""Imitates the GKE API as far as `gcloud container clusters get-credentials` needs it: one cluster, found or listed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from aiohttp import web

from localgke.config import Config

CLUSTERS = "/v1/projects/{project}/locations/{location}/clusters{cluster:(/[^/]+)?}"


def make_app(config: Config, endpoint: str, ca: Path) -> web.Application:
    """The GKE API as an aiohttp application; `endpoint` is HOST:PORT of the Kubernetes API, `ca` its CA certificate."""
    server = _Server(config, endpoint, base64.b64encode(ca.read_bytes()).decode())
    app = web.Application()
    app.router.add_get(CLUSTERS, server.find)
    app.router.add_route("*", "/{path:.*}", server.refuse)
    return app


class _Server:
    def __init__(self, config: Config, endpoint: str, certificate: str):
        self._config = config
        self._cluster: dict[str, Any] = {
            "name": config.name,
            "location": config.location,
            "zone": config.location,
            "status": "RUNNING",
            "currentMasterVersion": config.version,
            "endpoint": endpoint,
            "masterAuth": {"clusterCaCertificate": certificate},
        }

    async def find(self, request: web.Request) -> web.Response:
        """One cluster by its name, or all of a location (`-`: of any), with which gcloud says where else one may be."""
        project, location, name = (request.match_info[key] for key in ("project", "location", "cluster"))
        permission = "container.clusters.get" if name else "container.clusters.list"
        path = request.path.removeprefix("/v1/")
        user = self._config.user(request.headers.get("Authorization", ""))
        if user is None:
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if project != self._config.project or not user.may(permission):
            return _error(403, "PERMISSION_DENIED", f'Required "{permission}" permission(s) for "{path}".')
        here = location in (self._config.location, "-")
        if not name:
            return web.json_response({"clusters": [self._cluster] if here else []})
        if not here or name != f"/{self._config.name}":
            return _error(404, "NOT_FOUND", f"Not found: {path}.")
        return web.json_response(self._cluster)

    async def refuse(self, request: web.Request) -> web.Response:
        # Not 501: gcloud repeats a request for half a minute when the answer is in the 500s.
        return _error(400, "FAILED_PRECONDITION", f"localgke does not imitate {request.method} {request.path}")


def _error(code: int, status: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message, "status": status}}, status=code)
