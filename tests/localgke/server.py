"""Runs one stand-in: the Kubernetes API, the GKE API and the controllers, in one event loop, until told to end."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import ssl
from pathlib import Path

import yaml
from aiohttp import web

from localgke import api, controllers, gke, tls
from localgke.admission import admit_new
from localgke.config import Config
from localgke.resources import BY_KIND
from localgke.store import Store

HOST = "127.0.0.1"
NAMESPACES = BY_KIND["v1", "Namespace"]


async def serve(config: Config, state: Path) -> None:
    """Serves until SIGTERM or SIGINT, or until a controller dies, which is raised; removes `state` in any case.

    `state` is an existing directory. The file `ready` in it says that everything is there and answers.
    """
    loop = asyncio.get_running_loop()
    told_to_end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_end.set)
    store = Store()
    runners: list[web.AppRunner] = []
    try:
        (state / "pid").write_text(f"{os.getpid()}\n")
        _create_namespaces(store, config)
        tls.create(state)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(state / "server.pem", state / "server.key")
        kubernetes = await _listen(runners, api.make_app(store, config, state), context)
        cluster = await _listen(runners, gke.make_app(config, f"{HOST}:{kubernetes}", state / "ca.pem"), None)
        _write_access(config, state, kubernetes, cluster)
        running = asyncio.create_task(controllers.run(store, config, state))
        ending = asyncio.create_task(told_to_end.wait())
        (state / "ready").touch()
        await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
            raise RuntimeError("the controllers ended by themselves")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    except BaseException:
        (state / "env").unlink(missing_ok=True)  # the log stays, for `stop` to show
        raise
    else:
        shutil.rmtree(state)
    finally:
        for runner in runners:
            await runner.cleanup()


async def _listen(runners: list[web.AppRunner], app: web.Application, context: ssl.SSLContext | None) -> int:
    """Serves `app` on a free port, and says which."""
    # A watch or a followed log ends with its client, and does not hold up the end of the server.
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    runners.append(runner)
    await web.TCPSite(runner, HOST, 0, ssl_context=context).start()
    port: int = runner.addresses[0][1]
    return port


def _create_namespaces(store: Store, config: Config) -> None:
    for name in config.namespaces:
        obj = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
        admit_new(NAMESPACES, obj)
        store.create("namespaces", obj)


def _write_access(config: Config, state: Path, kubernetes: int, cluster: int) -> None:
    """What a client needs: the token of the first user, a kubeconfig, and `env` with what to export."""
    token, name = next(iter(config.tokens)), "localgke"
    access = {"server": f"https://{HOST}:{kubernetes}", "certificate-authority": str(state / "ca.pem")}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": access}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    for file, text in (("token", token), ("kubeconfig", yaml.safe_dump(kubeconfig, sort_keys=False))):
        (state / file).touch(mode=0o600)
        (state / file).write_text(text)
    (state / "gcloud").mkdir()
    env = {
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": f"http://{HOST}:{cluster}/",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(state / "token"),
        "CLOUDSDK_CONFIG": str(state / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "KUBECONFIG": str(state / "kubeconfig"),
        "LOCALGKE_PROJECT": config.project,
        "LOCALGKE_LOCATION": config.location,
        "LOCALGKE_CLUSTER": config.name,
    }
    (state / "env").write_text("".join(f"export {key}={shlex.quote(value)}\n" for key, value in env.items()))
