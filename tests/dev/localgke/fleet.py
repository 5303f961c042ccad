"""Imitates a fleet: its memberships (GKE Hub), Connect gateway's credentials, and the project requests of gcloud."""

from __future__ import annotations

import base64

import yaml
from aiohttp import web

from localgke.config import Config, User
from localgke.google_errors import denied, error, refuse, unauthenticated
from localgke.metadata import PROJECT_NUMBER
from localgke.tokens import Tokens

GENERATE = "gkehub.gateway.generateCredentials"


def gateway_prefix(config: Config) -> str:
    """Returns the prefix of the paths of the Kubernetes API at Connect gateway."""
    return f"/v1/projects/{PROJECT_NUMBER}/locations/{config.location}/gkeMemberships/{config.membership}"


def make_app(config: Config, tokens: Tokens, gateway: str) -> web.Application:
    """Returns an application with GKE Hub, Connect gateway's credentials and Resource Manager; `gateway`: HOST:PORT."""
    server = _Server(config, tokens, gateway)
    app = web.Application()
    app.router.add_get("/v1/projects/{project}", server.project)
    app.router.add_post("/v1/projects/{project}:testIamPermissions", server.permissions)
    app.router.add_get("/v1beta/projects/{project}/locations/{location}/memberships", server.memberships)
    member = "/v1/projects/{project}/locations/{location}/memberships/{name:[^:/]+}:generateCredentials"
    app.router.add_get(member, server.credentials)
    app.router.add_route("*", "/{path:.*}", refuse)
    return app


class _Server:
    def __init__(self, config: Config, tokens: Tokens, gateway: str):
        self._config, self._tokens, self._gateway = config, tokens, gateway

    def _caller(self, request: web.Request, permission: str) -> User | web.Response:
        user = self._tokens.user(request.headers.get("Authorization", ""))
        if user is None:
            return unauthenticated()
        ours = request.match_info["project"] in (self._config.project, PROJECT_NUMBER)
        if not ours or (permission and not user.may(permission)):
            return denied(permission, request.path.removeprefix("/v1/").partition(":")[0])
        return user

    async def project(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "resourcemanager.projects.get")
        if isinstance(caller, web.Response):
            return caller
        return web.json_response({"projectId": self._config.project, "projectNumber": PROJECT_NUMBER})

    async def permissions(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "")
        if isinstance(caller, web.Response):
            return caller
        asked = (await request.json())["permissions"]
        return web.json_response({"permissions": [permission for permission in asked if caller.may(permission)]})

    async def memberships(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "gkehub.memberships.list")
        if isinstance(caller, web.Response):
            return caller
        config = self._config
        name = f"projects/{config.project}/locations/{config.location}/memberships/{config.membership}"
        return web.json_response({"resources": [{"name": name}] if config.membership else []})

    async def credentials(self, request: web.Request) -> web.Response:
        caller = self._caller(request, GENERATE)
        if isinstance(caller, web.Response):
            return caller
        place = request.match_info["location"], request.match_info["name"]
        if place != (self._config.location, self._config.membership):
            name = "projects/{}/locations/{}/memberships/{}".format(PROJECT_NUMBER, *place)
            return error(404, "NOT_FOUND", f"Resource '{name}' was not found")
        kubeconfig = yaml.safe_dump(self._kubeconfig()).encode()
        return web.json_response({"kubeconfig": base64.b64encode(kubeconfig).decode()})

    def _kubeconfig(self) -> dict[str, object]:
        config = self._config
        name = f"connectgateway_{config.project}_{config.location}_{config.membership}"
        server = f"https://{self._gateway}{gateway_prefix(config)}"
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "installHint": "Install gke-gcloud-auth-plugin",
            "provideClusterInfo": True,
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server}}],
            "users": [{"name": name, "user": {"exec": plugin}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
