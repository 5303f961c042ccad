"""Imitates the GKE API as far as `gcloud container clusters get-credentials` needs it: one cluster, described."""

from __future__ import annotations

import base64
from pathlib import Path

from aiohttp import web

from localgke.config import Config


def make_app(config: Config, endpoint: str, ca: Path) -> web.Application:
    """The GKE API as an aiohttp application; `endpoint` is HOST:PORT of the Kubernetes API, `ca` its CA certificate."""
    certificate = base64.b64encode(ca.read_bytes()).decode()

    async def get_cluster(request: web.Request) -> web.Response:
        project, location, name = (request.match_info[part] for part in ("project", "location", "cluster"))
        path = f"projects/{project}/locations/{location}/clusters/{name}"
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = config.tokens.get(token)
        if scheme != "Bearer" or user is None:
            return _error(
                401,
                "UNAUTHENTICATED",
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential. See "
                "https://developers.google.com/identity/sign-in/web/devconsole-project.",
            )
        if project != config.project or not user.may("container.clusters.get"):
            return _error(403, "PERMISSION_DENIED", f'Required "container.clusters.get" permission(s) for "{path}".')
        if (location, name) != (config.location, config.name):
            return _error(404, "NOT_FOUND", f"Not found: {path}.")
        return web.json_response(
            {
                "name": name,
                "location": location,
                "zone": location,
                "status": "RUNNING",
                "currentMasterVersion": config.version,
                "endpoint": endpoint,
                "masterAuth": {"clusterCaCertificate": certificate},
            }
        )

    async def refuse(request: web.Request) -> web.Response:
        return _error(501, "UNIMPLEMENTED", f"localgke does not imitate {request.method} {request.path}")

    app = web.Application()
    app.router.add_get("/v1/projects/{project}/locations/{location}/clusters/{cluster}", get_cluster)
    app.router.add_route("*", "/{path:.*}", refuse)
    return app


def _error(code: int, status: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message, "status": status}}, status=code)
