"""Node pools for the real cluster: nodes simulated by KWOK, and an autoscaler that adds and removes them.

    python -m k8s.pools start --state DIR [--config FILE]   for the cluster of DIR; returns when the nodes exist
    python -m k8s.pools stop --state DIR                    removes the pools with their nodes and Pods

FILE is a cluster.yaml of localgke, by default its own; only the node pools are used, without `default-pool`, which is
the pool of the cluster's own node. Needs the output of tests/dev/k8s/build-kwok. To preempt a node:

    kubectl taint node NODE cloud.google.com/impending-node-termination:NoSchedule
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from k8s import components, kubelet
from k8s.__main__ import BUILD, Problem, first_process
from k8s.api import Api
from k8s.autoscaling import FAKE, Pools
from localgke import config

OWN_POOL = "default-pool"
SECONDS = 30.0  # to start, and to stop
POLL_SECONDS = 0.05


def main() -> None:
    """Runs one command; exits with 1 and one line on stderr if it fails."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("k8s.pools", description=__doc__, formatter_class=raw, allow_abbrev=False)
    parser.add_argument("command", choices=("start", "serve", "stop"))
    parser.add_argument("--state", required=True, type=Path, metavar="DIR")
    parser.add_argument("--config", default=config.DEFAULT, type=Path, metavar="FILE")
    arguments = parser.parse_args()
    state, file = arguments.state.absolute(), arguments.config.absolute()
    try:
        if arguments.command == "serve":
            asyncio.run(_serve(state, file))
        elif arguments.command == "start":
            start(state, file)
        else:
            stop(state)
    except (OSError, Problem, config.ConfigError) as error:
        sys.exit(f"cluster.pools: {error}")


def start(state: Path, file: Path) -> None:
    """Starts the node pools of a cluster file. Raises Problem if the cluster does not run or already has pools."""
    config.load(file)
    if not (BUILD / "bin" / "kwok").exists():
        raise Problem(f"{BUILD}/bin has no kwok: make it with tests/dev/k8s/build-kwok {BUILD}/bin")
    directory = state / "pools"
    if directory.exists():
        raise Problem(f"{state} already has node pools; stop them first")
    inside = _inside(state)
    directory.mkdir()
    command = (sys.executable, "-m", "k8s.pools", "serve", "--state", str(state), "--config", str(file))
    with (state / "logs" / "pools.log").open("ab") as log:
        process = subprocess.Popen(
            (*inside, *command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=state, start_new_session=True
        )
    _wait(lambda: (directory / "ready").exists() or process.poll() is not None, f"start; see {state}/logs/pools.log")
    if process.poll() is not None:
        shutil.rmtree(directory, ignore_errors=True)
        raise Problem(f"the node pools did not start; see {state}/logs/pools.log")


def stop(state: Path) -> None:
    """Stops the node pools of a cluster, if it has any. Raises Problem if they do not end."""
    ready = state / "pools" / "ready"
    if not ready.exists():
        return
    if subprocess.run((*_inside(state), "kill", "-TERM", ready.read_text()), check=False).returncode:
        shutil.rmtree(ready.parent)
        raise Problem(f"the node pools had ended before; see {state}/logs/pools.log")
    _wait(lambda: not ready.parent.exists(), f"end; see {state}/logs/pools.log")


def _inside(state: Path) -> tuple[str, ...]:
    """Returns the command prefix that enters the namespaces of a cluster."""
    process = first_process(state)
    if process is None:
        raise Problem(f"{state} has no running cluster; start it first")
    path = f"PATH=/run/k8s/bin:{os.environ['PATH']}"
    return ("nsenter", f"--target={process}", "--mount", "--pid", "--net", "env", path)


def _wait(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > end:
            raise Problem(f"the node pools did not {what}")
        time.sleep(POLL_SECONDS)


async def _serve(state: Path, file: Path) -> None:
    """Runs node pools until SIGTERM, then removes them. `STATE/pools/ready` gets the process id when they exist."""
    ended, ready = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    described = config.load(file)
    others = [pool for pool in described.node_pools if pool.name != OWN_POOL]
    api = Api(state / "admin.kubeconfig")
    pools = Pools(api, dataclasses.replace(described, node_pools=others))
    await kubelet.serve(pools.pods.objects, state, components.NODE_ADDRESS)
    kwok = await asyncio.create_subprocess_exec("kwok", *_kwok_flags(state))
    growing = asyncio.create_task(pools.run(ready))
    tasks = {growing, asyncio.create_task(_end_of(kwok))}
    stopping = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({asyncio.create_task(ready.wait()), *tasks}, return_when=asyncio.FIRST_COMPLETED)
        if ready.is_set():
            (state / "pools" / "ready").write_text(str(os.getpid()))
        await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
        growing.cancel()
        await pools.remove_all()
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(ProcessLookupError):
            kwok.kill()
        await api.close()
        shutil.rmtree(state / "pools")


def _kwok_flags(state: Path) -> list[str]:
    return [
        f"--kubeconfig={state}/admin.kubeconfig",
        f"--config={components.CONFIGURATION}/kwok.yaml",
        f"--manage-nodes-with-annotation-selector={FAKE}=fake",
        f"--node-ip={components.NODE_ADDRESS}",
        "--node-lease-duration-seconds=0",  # see kwok.yaml
        "--server-address=127.0.0.1:10247",
    ]


async def _end_of(kwok: asyncio.subprocess.Process) -> None:
    raise Problem(f"kwok ended with status {await kwok.wait()}")


if __name__ == "__main__":
    main()
