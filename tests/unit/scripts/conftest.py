import sys
import threading

import pytest
from api_server import ApiServer
from fake_connection import FakeConnection, classify

from gke_jobs import job_list, job_of_task, job_options, reads
from gke_jobs.connection import Connection, Proxy


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Runs main() of a command over a connection with these answers: (exit code, stdout, stderr)."""

    def run(module, answers, *arguments):
        connection = FakeConnection(answers)
        for user in (job_options, job_list, job_of_task):
            monkeypatch.setattr(user, "take_connection", lambda argv: (connection, argv))
        monkeypatch.setattr(reads, "classify", classify)
        monkeypatch.setattr(reads.Reader, "sleep", lambda self, seconds: None)
        monkeypatch.setattr(sys, "argv", ["command.py", *arguments])
        status = module.main()
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


@pytest.fixture
def server(tmp_path):
    """A server that answers as the test says."""
    made = ApiServer(tmp_path / "socket")
    yield made
    made.close()


@pytest.fixture
def connection(tmp_path):
    """A connection to this server."""
    return Connection(Proxy(socket=tmp_path / "socket", command=["false"], log=tmp_path / "log"))


@pytest.fixture
def never():
    """An Event for what hangs; set in the end."""
    event = threading.Event()
    yield event
    event.set()
