"""Starts and stops the real Kubernetes cluster of the tests.

    python -m k8s start --state DIR                in the background; returns when its node is Ready
    python -m k8s restart --state DIR COMPONENT    kills a component; returns when it has been started again
    python -m k8s stop --state DIR                 stops the cluster and removes DIR and every other trace

DIR must not exist, or be empty; `. DIR/env` configures gcloud and kubectl for the cluster. COMPONENT is etcd,
containerd, kube-apiserver, kube-controller-manager, kube-scheduler, coredns or kubelet. Needs root, and the output of
tests/dev/k8s/build.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parents[2] / ".build" / "k8s"
CGROUPS = Path("/sys/fs/cgroup")
# The mount points of `enter`: the host's files below them are not visible inside.
COVERED = ("/run", "/var/lib", "/var/log")
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05


class Problem(Exception):  # noqa: N818 - it never leaves this module
    """A command failed."""


def main(argv: list[str] | None = None) -> None:
    """Runs one command; exits with 1 and one line on stderr if it fails."""
    parser = argparse.ArgumentParser(
        prog="cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("command", choices=("start", "restart", "stop"))
    parser.add_argument("component", nargs="?")
    parser.add_argument("--state", required=True, type=Path, metavar="DIR")
    arguments = parser.parse_intermixed_args(argv)
    state = arguments.state.absolute()
    try:
        if arguments.command == "start":
            start(state)
        elif arguments.command == "restart":
            restart(state, arguments.component or "")
        else:
            stop(state)
    except (OSError, Problem) as error:
        sys.exit(f"cluster: {error}")


def start(state: Path) -> None:
    """Starts a cluster that outlives this process. Raises Problem if its node does not become Ready."""
    if os.geteuid() != 0:
        raise Problem("the cluster needs namespaces, mounts and cgroups: run it as root")
    for path in (state, BUILD):
        if str(path).startswith(tuple(f"{covered}/" for covered in COVERED)):
            raise Problem(
                f"{path} is below one of {', '.join(COVERED)}, which the cluster covers: use another checkout"
            )
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(state.iterdir()):
        raise Problem(f"{state} is not empty; stop the cluster that uses it, or name another directory")
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    descriptors = [listening.fileno() for listening in sockets]
    cgroup = f"gke-job-cluster-{os.getpid()}"
    (state / "cgroup").write_text(cgroup)
    _make_cgroups(cgroup)
    namespaces = ("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc")
    node = (sys.executable, "-m", "k8s.node", str(state), cgroup, *map(str, descriptors))
    with (state / "node.log").open("wb") as log:
        process = subprocess.Popen(
            (*namespaces, str(HERE / "enter"), str(state), str(BUILD), *node),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=descriptors,
            start_new_session=True,
        )
    (state / "pid").write_text(f"{process.pid}\n")
    while not (state / "ready").exists():
        if process.poll() is not None:
            said = (state / "node.log").read_text()
            stop(state)
            raise Problem(f"the cluster did not start:\n{said}")
        time.sleep(POLL_SECONDS)


def restart(state: Path, component: str) -> None:
    """Kills a component and waits until it runs again. Raises Problem for an unknown component."""
    file = state / "pids" / component
    if not component or not file.exists():
        known = ", ".join(sorted(path.name for path in (state / "pids").glob("*"))) or "none: it does not run"
        raise Problem(f"{state} has no component {component!r}; it has {known}")
    before = file.read_text()
    process = first_process(state)
    subprocess.run(("nsenter", f"--target={process}", "--pid", "kill", "-KILL", before.strip()), check=True)
    end = time.monotonic() + STOP_SECONDS
    while file.read_text() in ("", before):
        if time.monotonic() > end:
            raise Problem(f"{component} was not started again within {STOP_SECONDS:.0f} s; see {state}/node.log")
        time.sleep(POLL_SECONDS)


def stop(state: Path) -> None:
    """Stops the cluster of a state directory and removes all its traces. Raises Problem if something is left."""
    if not state.exists():
        return
    if not (state / "cgroup").exists():
        raise Problem(f"{state} is not the state of a cluster; not touched")
    process = first_process(state)
    if process is not None:
        os.kill(process, signal.SIGKILL)  # this also ends all processes, mounts and interfaces in its namespaces
    end = time.monotonic() + STOP_SECONDS
    while _runs(state):
        if time.monotonic() > end:
            raise Problem(f"process {process} of {state} does not end; kill it, then stop again")
        time.sleep(POLL_SECONDS)
    _remove_cgroups((state / "cgroup").read_text())
    shutil.rmtree(state)


def _runs(state: Path) -> int | None:
    """Returns the id of the cluster's `unshare`, which ends last, or None: its pid may be another process now."""
    try:
        pid = int((state / "pid").read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if words[0] == b"unshare" and os.fsencode(state) in words else None


def first_process(state: Path) -> int | None:
    """Returns the host's process id of process 1 in the cluster's namespaces, None without one."""
    pid = _runs(state)
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return int(children.read_text()) if pid and children.exists() and children.read_text() else None


def _make_cgroups(name: str) -> None:
    for controller in _controllers():
        (controller / name).mkdir()


def _remove_cgroups(name: str) -> None:
    for controller in _controllers():
        for directory, _, _ in os.walk(controller / name, topdown=False):
            os.rmdir(directory)


def _controllers() -> list[Path]:
    return [path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]


if __name__ == "__main__":
    main()
