"""Sets the time from which DAGs take a new release, after all files are copied; for deploy-dags.

command.py release-start --before DIR --pointer FILE

--pointer is the file to copy; the command writes the time into it. --before is the directory with the pointer of the
bucket, if there is one.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

from gke_jobs import exit_codes
from gke_jobs.deployment.deployed import Deployed, read_pointer, write_pointer
from gke_jobs.deployment.plan import start
from gke_jobs.deployment.storage_time import storage_time
from gke_jobs.messages import log


def main() -> int:
    """Write the time."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("before", "pointer"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args(sys.argv[1:])
    file = options.before / "__init__.py"
    before = read_pointer(file.read_bytes().decode()) if file.exists() else Deployed()
    text = options.pointer.read_bytes().decode()
    planned = read_pointer(text)
    started = start(planned, before, int(storage_time()))
    if started != planned:
        options.pointer.write_bytes(write_pointer(text, started).encode())
        moment = datetime.fromtimestamp(started.releases[started.current], timezone.utc)
        log(f"DAGs use release {started.current} {moment.strftime('from %H:%M:%S UTC on')}")
    return exit_codes.SUCCEEDED
