"""The first options of every command that reads from the cluster, which `ask` of cluster.bash passes.

command.py NAME --socket FILE --proxy-log FILE ARGUMENT... -- PROXY-COMMAND...
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.connection import Connection, Proxy
from gke_jobs.messages import die

BEGIN = ("--socket", "--proxy-log")


def take_connection(argv: Sequence[str]) -> tuple[Connection, list[str]]:
    """Return the connection and the remaining arguments. ScriptError if the call is not as above."""
    words = list(argv)
    end = words.index("--") if "--" in words else len(words)
    if (words[0:1] + words[2:3]) != list(BEGIN) or end < 4 or end + 1 >= len(words):
        die(exit_codes.USAGE, "no connection: a command is called with --socket FILE --proxy-log FILE ... -- PROXY")
    proxy = Proxy(socket=Path(words[1]), command=words[end + 1 :], log=Path(words[3]))
    return Connection(proxy), words[4:end]
