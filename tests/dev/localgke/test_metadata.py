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


def test_it_names_project_account_and_universe():
    async def scenario(client, _):
        paths = ("project/project-id", "universe/universe-domain", "instance/service-accounts/default/email")
        return [await (await client.get(f"/computeMetadata/v1/{path}")).text() for path in paths]

    assert ask(scenario) == ["localgke-project", "googleapis.com", "admin@localgke-project.iam.gserviceaccount.com"]


def test_who_does_not_say_that_it_means_a_metadata_server_is_refused():
    async def scenario(client, _):
        return (await client.get(f"{ACCOUNT}/token", headers={"Metadata-Flavor": ""})).status

    assert ask(scenario) == 403


def test_a_token_is_given_out_again_until_it_is_close_to_its_end(monkeypatch):
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
