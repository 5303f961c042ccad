"""Runs the components of the cluster inside its namespaces: starts them in order, and restarts each when it ends.

    python -m k8s.node STATE CGROUP KUBERNETES_FD GKE_FD METADATA_FD

The file descriptors are listening sockets of the host's network. Connections to the first one are forwarded to the API
server; the stand-in's GKE API and metadata server answer on the others. `STATE/ready` exists when the node is Ready.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from k8s import components, registry
from localgke import access, config, gke, metadata, tls
from localgke.tokens import Tokens

START_SECONDS = 120.0
POLL_SECONDS = 0.1
RESTART_SECONDS = 0.2
IMAGES = Path("/run/k8s/images")
REGISTRY = ("127.0.0.1", 5000)  # as in etc/registries
CONTAINERD = "/run/containerd/containerd.sock"
LOG_LINES = 5
CHUNK = 1 << 16  # bytes


class StartError(Exception):
    """A component ended, or a condition was not met, before the cluster was ready."""


class Node:
    """The components of one cluster. `state` is its directory, with the log and the process id of each component."""

    def __init__(self, state: Path, cgroup: str):
        self._state = state
        self._commands = components.commands(cgroup)
        self._env = {**os.environ, "HOME": str(state), "KUBECONFIG": str(state / "admin.kubeconfig")}
        self._ready = False
        self.keepers: set[asyncio.Task[None]] = set()
        for directory in ("logs", "pids"):
            (state / directory).mkdir()

    async def start(self) -> None:
        """Returns when the node is Ready. Raises StartError."""
        self._keep("etcd")
        self._keep("containerd")
        await self._until("etcd answers", lambda: _connects(components.ETCD))
        self._keep("kube-apiserver")
        await self._until("the API server is ready", lambda: self._kubectl("get", "--raw=/readyz"))
        self._keep("kube-controller-manager")
        self._keep("kube-scheduler")
        self._keep("coredns")
        await self._create_objects()
        await self._until("containerd answers", lambda: _connects(CONTAINERD))
        self._keep("kubelet")
        conditions = ("wait", "--for=condition=Ready", "--timeout=1s", f"node/{components.NODE}")
        await self._until("the node is Ready", lambda: self._kubectl(*conditions))
        self._ready = True
        (self._state / "ready").touch()

    def _keep(self, name: str) -> None:
        self.keepers.add(asyncio.create_task(self._run(name)))

    async def _run(self, name: str) -> None:
        with (self._state / "logs" / f"{name}.log").open("ab") as log:
            while True:
                process = await asyncio.create_subprocess_exec(
                    *self._commands[name],
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._state,
                    env=self._env,
                )
                (self._state / "pids" / name).write_text(f"{process.pid}\n")
                status = await process.wait()
                if not self._ready:
                    raise StartError(f"{name} ended with status {status}: {self._last_lines(name)}")
                _say(f"{name} ended with status {status}; starting it again")
                await asyncio.sleep(RESTART_SECONDS)

    async def _create_objects(self) -> None:
        """Creates the namespaces of cluster.yaml, and for each user a ClusterRole with exactly its verbs."""
        described = config.load()
        objects: list[dict[str, Any]] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            for name in set(described.namespaces) - {"default", "kube-system"}
        ]
        for user in described.tokens.values():
            objects.extend(_role(user))
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        if not await self._kubectl("create", "--filename=-", stdin=manifest):
            raise StartError(f"the API server refused the namespaces and roles: {self._last_lines('commands')}")

    async def _kubectl(self, *arguments: str, stdin: str = "") -> bool:
        with (self._state / "logs" / "commands.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                "kubectl", *arguments, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, env=self._env
            )
            await process.communicate(stdin.encode())
        return process.returncode == 0

    def _last_lines(self, name: str) -> str:
        return "\n".join((self._state / "logs" / f"{name}.log").read_text().splitlines()[-LOG_LINES:])

    async def _until(self, condition: str, holds: Callable[[], Awaitable[bool]]) -> None:
        begin = time.monotonic()
        while not await holds():
            if time.monotonic() - begin > START_SECONDS:
                raise StartError(f"not within {START_SECONDS:.0f} s: {condition}")
            await asyncio.sleep(POLL_SECONDS)
        _say(f"{condition}, after {time.monotonic() - begin:.1f} s")


def _role(user: config.User) -> list[dict[str, Any]]:
    """Returns the rules of a user of cluster.yaml, without the permissions of the GKE API."""
    name = user.name
    group = "rbac.authorization.k8s.io"
    verbs = [verb for verb in user.verbs if not verb.startswith("container.")]
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": verbs}] if verbs else [],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user.name}],
    }
    return [role, binding]


async def _connects(address: tuple[str, int] | str) -> bool:
    """Returns whether a server listens at HOST, PORT or on a Unix socket."""
    try:
        if isinstance(address, str):
            _, writer = await asyncio.open_unix_connection(address)
        else:
            _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    return True


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Forwards a connection to the API server, until either side ends it."""
    try:
        api_reader, api_writer = await asyncio.open_connection(*components.API_SERVER)
    except OSError:
        writer.close()
        return
    pumps = {asyncio.create_task(_pump(reader, api_writer)), asyncio.create_task(_pump(api_reader, writer))}
    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    for pump in pumps:
        pump.cancel()
    await asyncio.gather(*pumps, return_exceptions=True)
    api_writer.close()
    writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


async def serve(state: Path, cgroup: str, kubernetes: socket.socket, gke_api: socket.socket, md: socket.socket) -> None:
    """Runs until killed; `md` is for the metadata server. Raises StartError."""
    described = config.load()
    tls.create(state)
    components.write_credentials(state, described)
    address, gke_address, md_address = ("{}:{}".format(*found.getsockname()) for found in (kubernetes, gke_api, md))
    access.write_env(described, state, address, {"gke": gke_address, "metadata": md_address})
    tokens = Tokens(described, static=True)  # the API server knows only these tokens
    await _serve(gke.make_app(described, tokens, gke.Endpoints(public=address), state / "ca.pem"), gke_api)
    await _serve(metadata.make_app(described, tokens), md)
    await _serve(registry.make_app(IMAGES, described.broken_images), socket.create_server(REGISTRY))
    await asyncio.start_server(_forward, sock=kubernetes)
    node = Node(state, cgroup)
    starting = asyncio.create_task(node.start())
    while not starting.done():
        await asyncio.wait({starting, *node.keepers}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for keeper in node.keepers:
            if keeper.done():
                keeper.result()
    starting.result()
    await asyncio.gather(*node.keepers)


async def _serve(app: web.Application, listening: socket.socket) -> None:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listening).start()


def _say(message: str) -> None:
    print(time.strftime("%T"), message, flush=True)


def main() -> None:
    """Runs the node until it is killed; exits with 1 and one line if it does not start."""
    state, cgroup, *descriptors = sys.argv[1:]
    try:
        kubernetes, gke_api, md = (socket.socket(fileno=int(descriptor)) for descriptor in descriptors)
        asyncio.run(serve(Path(state), cgroup, kubernetes, gke_api, md))
    except StartError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
