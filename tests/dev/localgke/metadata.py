"""Imitates the metadata server of a Composer worker, for gcloud, the auth plugin and Google's libraries.

The worker's service account is the first user of the cluster file. As on Google Cloud, the server returns the same
token until shortly before its expiration.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from localgke.config import Config
from localgke.tokens import Token, Tokens

PROJECT_NUMBER = "123456789012"
SCOPES = "https://www.googleapis.com/auth/cloud-platform"
RENEWAL_SECONDS = 300  # before its expiration, a token is replaced; a short-lived token after nine tenths of its life
FLAVOR = {"Metadata-Flavor": "Google"}


def make_app(config: Config, tokens: Tokens) -> web.Application:
    """Returns the metadata server as an aiohttp application."""
    app = web.Application(middlewares=[_flavored])
    app.router.add_get("/", _root)
    app.router.add_get("/computeMetadata/v1/{path:.*}", _Server(config, tokens).answer)
    return app


@web.middleware
async def _flavored(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    if request.path != "/" and request.headers.get("Metadata-Flavor") != "Google":
        return web.Response(status=403, text="Missing required header: Metadata-Flavor", headers=FLAVOR)
    response = await handler(request)
    response.headers.update(FLAVOR)
    return response


async def _root(_: web.Request) -> web.Response:
    return web.Response(text="computeMetadata/\n")


class _Server:
    def __init__(self, config: Config, tokens: Tokens):
        self._tokens = tokens
        self._user = next(iter(config.tokens.values()))
        self._margin = min(RENEWAL_SECONDS, config.token_seconds // 10)
        self._token: Token | None = None
        account = {"aliases": ["default"], "email": self._user.name, "scopes": [SCOPES]}
        self._accounts = {"default": account, self._user.name: account}
        self._texts = {
            "project/project-id": config.project,
            "project/numeric-project-id": PROJECT_NUMBER,
            "universe/universe-domain": "googleapis.com",
            "instance/zone": f"projects/{PROJECT_NUMBER}/zones/{config.location}-a",
            "instance/service-accounts": f"default/\n{self._user.name}/\n",
        }

    async def answer(self, request: web.Request) -> web.Response:
        path = request.match_info["path"].rstrip("/")
        if path in self._texts and "recursive" not in request.query:
            return web.Response(text=self._texts[path])
        place, _, rest = path.partition("instance/service-accounts")
        account, _, field = rest.lstrip("/").partition("/")
        if place or (account and account not in self._accounts):
            return web.Response(status=404, text="Not Found")
        if not account:
            return web.json_response(self._accounts)
        match field:
            case "":
                return web.json_response(self._accounts[account])
            case "email":
                return web.Response(text=self._user.name)
            case "scopes":
                return web.Response(text=f"{SCOPES}\n")
            case "token":
                token = self._fresh()
                answer = {"access_token": token.text, "expires_in": token.seconds, "token_type": "Bearer"}
                return web.json_response(answer)
        return web.Response(status=404, text="Not Found")

    def _fresh(self) -> Token:
        if self._token is None or self._token.seconds <= self._margin:
            self._token = self._tokens.issue(self._user)
        return self._token
