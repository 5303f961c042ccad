"""PostgreSQL, which is Airflow's database, and Redis, which is Celery's broker, each in a directory of its own.

PostgreSQL listens on a Unix socket alone, in a directory that only its user and root may enter, and runs unprivileged.
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

from e2e.processes import free_port, wait_for

# Where Debian keeps what is not in PATH; a version has two digits.
POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
CONNECTIONS = 200
READY = "ready to accept connections"


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL that runs; the part of its address that follows `postgresql+DRIVER:`."""
    with tempfile.TemporaryDirectory(prefix="live-postgresql-") as directory:
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # as whom it refuses to run
            user = pwd.getpwnam("postgres")
            as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(directory, user.pw_uid, user.pw_gid)
        data = f"{directory}/data"
        # The socket's directory is what keeps others out.
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
        # Nothing here must outlive the machine.
        settings = {"listen_addresses": "", "unix_socket_directories": directory, "max_connections": CONNECTIONS}
        settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        given = [f"--{name}={value}" for name, value in settings.items()]
        with service([program("postgres"), "-D", data, *given], directory, end=signal.SIGQUIT, **as_user):
            yield f"//airflow@/postgres?host={directory}"


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A Redis that runs; its address."""
    with tempfile.TemporaryDirectory(prefix="live-redis-") as directory:
        port = str(free_port())
        options = ("--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", directory)
        with service(["redis-server", *options], directory, end=signal.SIGTERM):
            yield f"redis://127.0.0.1:{port}"


@contextlib.contextmanager
def service(command: Sequence[str], directory: str, *, end: signal.Signals, **options: Any) -> Iterator[None]:
    """A server that is ready, and is ended with a signal."""
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
        wait_for(lambda: READY in log.read_text().lower() or server.poll() is not None, log.read_text)
        assert server.poll() is None, log.read_text()
        yield
    finally:
        server.send_signal(end)
        server.wait()


def program(name: str) -> str:
    """The path of a program of PostgreSQL."""
    assert POSTGRESQL, "PostgreSQL is not in /usr/lib/postgresql: install Debian's package postgresql"
    return str(POSTGRESQL[-1] / name)
