"""The kubelet API of KWOK's nodes: the logs of their containers.

KWOK's own kubelet API never ends a followed log, and has the same log for all Pods. A container prints the annotation
`kwok/log` of its Pod when it starts.

The protocol: k8s.io/kubernetes, pkg/kubelet/server, containerLogs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

PORT = 10251
POLL_SECONDS = 0.1


async def serve(pods: Mapping[tuple[str, str], dict[str, Any]], state: Path, address: str) -> web.AppRunner:
    """Serves the logs of `pods`, by namespace and name, at `address` and PORT."""

    async def log(request: web.Request) -> web.StreamResponse:
        key, name = (request.match_info["namespace"], request.match_info["pod"]), request.match_info["container"]
        container = _status(pods.get(key), name)
        states: list[dict[str, Any]] = list(container.get("state", {}).values())
        began = next((state["startedAt"] for state in states if "startedAt" in state), None)
        if began is None:
            raise web.HTTPNotFound(text=f"container {name} of {'/'.join(key)} has not started\n")
        answer = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await answer.prepare(request)
        text = pods[key]["metadata"].get("annotations", {}).get("kwok/log", "")
        stamp = f"{began} " if request.query.get("timestamps") == "true" else ""
        lines = [f"{stamp}{line}\n" for line in text.splitlines()]
        if began >= request.query.get("sinceTime", ""):
            await answer.write("".join(lines).encode())
        follows = request.query.get("follow") == "true"
        while follows and "running" in _status(pods.get(key), name).get("state", {}):  # noqa: ASYNC110 - of many Pods
            await asyncio.sleep(POLL_SECONDS)
        return answer

    app = web.Application()
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", log)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(state / "server.pem", state / "server.key")
    await web.TCPSite(runner, address, PORT, ssl_context=context).start()
    return runner


def _status(pod: dict[str, Any] | None, container: str) -> dict[str, Any]:
    """Returns the status of a container, empty without one."""
    statuses = pod["status"].get("containerStatuses", []) if pod else []
    return next((status for status in statuses if status["name"] == container), {})
