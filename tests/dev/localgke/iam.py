"""Imitates the IAM credentials API: a token for a service account, for accounts that may impersonate it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from aiohttp import web

from localgke.google_errors import denied, refuse, unauthenticated
from localgke.tokens import Tokens

PERMISSION = "iam.serviceAccounts.getAccessToken"


def make_app(tokens: Tokens) -> web.Application:
    """Returns the IAM credentials API as an aiohttp application."""

    async def generate(request: web.Request) -> web.Response:
        user = tokens.user(request.headers.get("Authorization", ""))
        if user is None:
            return unauthenticated()
        account = tokens.named(request.match_info["account"])
        if account is None or not user.may(
            PERMISSION
        ):  # as in IAM, the answer does not reveal whether the account exists
            return denied(PERMISSION, request.path.removeprefix("/v1/").partition(":")[0])
        token = tokens.issue(account)
        end = datetime.now(timezone.utc) + timedelta(seconds=token.seconds)
        return web.json_response({"accessToken": token.text, "expireTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"})

    app = web.Application()
    app.router.add_post("/v1/projects/-/serviceAccounts/{account:[^:/]+}:generateAccessToken", generate)
    app.router.add_route("*", "/{path:.*}", refuse)
    return app
