"""A client of the API server for the programs inside the cluster's namespaces: requests, and watched lists."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import yaml

Object = dict[str, Any]
PAUSE_SECONDS = 0.2
LONGEST_LINE = 4 << 20  # bytes


class Api:
    """Requests with the credentials of `kubeconfig`."""

    def __init__(self, kubeconfig: Path):
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._session = aiohttp.ClientSession(
            cluster["server"],
            headers={"Authorization": f"Bearer {config['users'][0]['user']['token']}"},
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=cluster["certificate-authority"])),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=LONGEST_LINE,
        )

    async def close(self) -> None:
        await self._session.close()

    async def request(self, method: str, path: str, body: Object | None = None, kind: str = "json") -> Object:
        """Returns the answer to a request. `kind`: of a patch. Raises aiohttp.ClientError, also for a status >= 400."""
        headers = {"Content-Type": f"application/{kind}"}
        async with self._session.request(method, path, data=json.dumps(body), headers=headers) as answer:
            found: Object = await answer.json()
            if answer.status >= 400:
                raise aiohttp.ClientError(f"{method} {path}: {found.get('message', answer.status)}")
            return found

    async def stream(self, path: str) -> aiohttp.ClientResponse:
        return await self._session.get(path)


class Copy:
    """Keeps `objects`, all objects of a resource, up to date with a watch; calls `changed` after each change."""

    def __init__(self, api: Api, path: str, changed: Callable[[], None]):
        self._api = api
        self._path = path
        self._changed = changed
        self.objects: dict[tuple[str, str], Object] = {}
        self.is_complete = asyncio.Event()

    async def run(self) -> None:
        """Runs until cancelled. Retries failed requests."""
        while True:
            try:
                await self._list_and_watch()
            except aiohttp.ClientError as error:
                print(f"{self._path}: {error}", flush=True)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _list_and_watch(self) -> None:
        listed = await self._api.request("GET", self._path)
        self.objects.clear()  # in place, because others hold a reference
        self.objects.update((_key(found), found) for found in listed["items"])
        self.is_complete.set()
        self._changed()
        version = listed["metadata"]["resourceVersion"]
        async with await self._api.stream(f"{self._path}?watch=true&resourceVersion={version}") as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                if event["type"] == "DELETED":
                    self.objects.pop(_key(event["object"]), None)
                else:
                    self.objects[_key(event["object"])] = event["object"]
                self._changed()


def _key(found: Object) -> tuple[str, str]:
    meta = found["metadata"]
    return meta.get("namespace", ""), meta["name"]
