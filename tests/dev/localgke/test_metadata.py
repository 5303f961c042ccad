import asyncio
import dataclasses

from aiohttp import test_utils

from localgke import config, metadata
from localgke import tokens as tokens_module
from localgke.tokens import Tokens

ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default"


def ask(scenario, seconds=3600):
    """The result of `scenario`, which is given an HTTP client and the tokens."""

    async def main():
        described = dataclasses.replace(config.load(), token_seconds=seconds)
        tokens = Tokens(described)
        server = test_utils.TestServer(metadata.make_app(described, tokens))
        async with test_utils.TestClient(server, headers={"Metadata-Flavor": "Google"}) as client:
            return await scenario(client, tokens)

    return asyncio.run(main())


def test_the_metadata_server_returns_project_account_and_universe():
    async def scenario(client, _):
        paths = ("project/project-id", "universe/universe-domain", "instance/service-accounts/default/email")
        return [await (await client.get(f"/computeMetadata/v1/{path}")).text() for path in paths]

    assert ask(scenario) == ["localgke-project", "googleapis.com", "admin@localgke-project.iam.gserviceaccount.com"]


def test_a_request_without_the_metadata_header_is_refused():
    async def scenario(client, _):
        return (await client.get(f"{ACCOUNT}/token", headers={"Metadata-Flavor": ""})).status

    assert ask(scenario) == 403


def test_a_token_is_reused_until_shortly_before_its_expiration(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(tokens_module.time, "monotonic", lambda: now[0])

    async def scenario(client, tokens):
        given = []
        for now[0] in (0.0, 53.0, 55.0):
            answer = await (await client.get(f"{ACCOUNT}/token")).json()
            assert tokens.user(f"Bearer {answer['access_token']}").name.startswith("admin@")
            given.append((answer["access_token"], answer["expires_in"]))
        return given

    first, second, third = ask(scenario, seconds=60)
    assert first[0] == second[0] != third[0]
    assert (first[1], second[1], third[1]) == (60, 7, 60)
