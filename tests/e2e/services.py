"""Starts PostgreSQL, Airflow's database, and Redis, Celery's broker, each in its own directory.

PostgreSQL runs unprivileged and listens only on a Unix socket, in a directory that only its user and root may enter.
Redis listens on the loopback interface.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from e2e.processes import free_port
from polling import wait_until

# Debian keeps these programs outside of PATH. Sorting works: each version has two digits.
POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
CONNECTIONS = 200
READY = "ready to accept connections"


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Run PostgreSQL inside the context; yield the part of its URL after `postgresql+DRIVER:`."""
    with tempfile.TemporaryDirectory(prefix="e2e-postgresql-") as directory:
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("postgres")
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(directory, user.pw_uid, user.pw_gid)
        data = f"{directory}/data"
        # The permissions of the socket's directory keep other users out.
        options = ("--auth=trust", "--username=airflow", "--encoding=UTF8", "--locale=C", "--no-sync")
        made = subprocess.run(
            [program("initdb"), "--pgdata", data, *options],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **as_user,
        )
        assert made.returncode == 0, made.stdout
        # The data need not survive a crash of the machine.
        settings = {"listen_addresses": "", "unix_socket_directories": directory, "max_connections": CONNECTIONS}
        settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        given = [f"--{name}={value}" for name, value in settings.items()]
        with service([program("postgres"), "-D", data, *given], directory, end=signal.SIGQUIT, **as_user):
            yield f"//airflow@/postgres?host={directory}"


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run Redis inside the context; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="e2e-redis-") as directory:
        port = str(free_port())
        options = ("--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", directory)
        with service(["redis-server", *options], directory, end=signal.SIGTERM):
            yield f"redis://127.0.0.1:{port}"


@contextlib.contextmanager
def service(command: Sequence[str], directory: str, *, end: signal.Signals, **options: Any) -> Iterator[None]:
    """Run a server inside the context, which begins when it is ready; `end`: the signal that stops it."""
    log = Path(directory, "log")
    with log.open("wb") as file:
        server = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={"PATH": os.environ["PATH"]},
            **options,
        )
    try:
        wait_until(lambda: READY in log.read_text().lower() or server.poll() is not None, log.read_text)
        assert server.poll() is None, log.read_text()
        yield
    finally:
        server.send_signal(end)
        server.wait()


def program(name: str) -> str:
    """Return the path of a program of PostgreSQL."""
    assert POSTGRESQL, "PostgreSQL is not in /usr/lib/postgresql: install Debian's package postgresql"
    return str(POSTGRESQL[-1] / name)
