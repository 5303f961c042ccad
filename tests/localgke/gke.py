"""Imitates the GKE API as far as `gcloud container clusters get-credentials` needs it: one cluster, found or listed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from aiohttp import web

from localgke.config import Config, User

CLUSTERS = "/v1/projects/{project}/locations/{location}/clusters"


def make_app(config: Config, endpoint: str, ca: Path) -> web.Application:
    """The GKE API as an aiohttp application; `endpoint` is HOST:PORT of the Kubernetes API, `ca` its CA certificate."""
    server = _Server(config, endpoint, base64.b64encode(ca.read_bytes()).decode())
    app = web.Application()
    app.router.add_get(CLUSTERS, server.list)
    app.router.add_get(CLUSTERS + "/{cluster}", server.get)
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

    async def get(self, request: web.Request) -> web.Response:
        location, name = request.match_info["location"], request.match_info["cluster"]
        path = f"projects/{request.match_info['project']}/locations/{location}/clusters/{name}"
        refused = self._refusal(request, "container.clusters.get", path)
        if refused:
            return refused
        if (location, name) != (self._config.location, self._config.name):
            return _error(404, "NOT_FOUND", f"Not found: {path}.")
        return web.json_response(self._cluster)

    async def list(self, request: web.Request) -> web.Response:
        """What gcloud asks for after a 404, to say where a cluster of the name is; location `-` means all."""
        project, location = request.match_info["project"], request.match_info["location"]
        refused = self._refusal(request, "container.clusters.list", f"projects/{project}")
        if refused:
            return refused
        return web.json_response({"clusters": [self._cluster] if location in ("-", self._config.location) else []})

    async def refuse(self, request: web.Request) -> web.Response:
        # Not 501: gcloud repeats a request for half a minute when the answer is in the 500s.
        return _error(400, "FAILED_PRECONDITION", f"localgke does not imitate {request.method} {request.path}")

    def _refusal(self, request: web.Request, permission: str, path: str) -> web.Response | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user: User | None = self._config.tokens.get(token)
        if scheme != "Bearer" or user is None:
            return _error(
                401,
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential. See "
                "https://developers.google.com/identity/sign-in/web/devconsole-project.",
            )
        if request.match_info["project"] != self._config.project or not user.may(permission):
            return _error(403, "PERMISSION_DENIED", f'Required "{permission}" permission(s) for "{path}".')
        return None


def _error(code: int, status: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message, "status": status}}, status=code)
