import sys

import pytest
from fake_connection import FakeConnection, classify

from gke_jobs import job_list, job_of_task, job_options, reads


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
