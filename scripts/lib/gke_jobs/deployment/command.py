"""Plans the changes of a deployment: writes them to files for deploy-dags, and logs them.

command.py deployment --checkout DIR --bucket gs://BUCKET --objects FILE --before DIR --to DIR [--prefix NAME]
                      [--use RELEASE] [--examples] [--plugin]

--objects is the list of the bucket's objects, as JSON of gcloud. --before has the pointer, if there is one, and with
--use a copy of that release. The command writes to the directory --to: `new`, a tree of the files to copy; `pointer`,
the file that then replaces the pointer of the generation in `generation`; `removed`, the addresses of the objects to
remove. A file is missing if there is nothing to do. If nothing changes, there is only `written`: when the pointer was
written, in seconds since the epoch.
"""

from __future__ import annotations

import argparse
import json
import keyword
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from gke_jobs import exit_codes
from gke_jobs.deployment import plan
from gke_jobs.deployment.deployed import Deployed, read_pointer, write_pointer
from gke_jobs.deployment.release import MANIFEST, damage, read_files, read_release
from gke_jobs.deployment.storage_time import storage_time
from gke_jobs.messages import ERROR, WARNING, ScriptError, die, log
from gke_jobs.plain_text import escaped, printable

POINTER = "gke_job/__init__.py"
IS_MODULE = "import sys; from importlib.util import find_spec; del sys.path[0]; sys.exit(not find_spec(sys.argv[1]))"
LATEST_SECONDS = 86400  # limit until a release is taken: five minutes, and the difference of clocks
SHOWN = 3  # files
TAKEN = ("airflow", "google", "gke_job", "gke_job_releases", "gke_job_examples")


def main() -> int:
    """Write the plan."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("checkout", "objects", "before", "to"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("bucket", "prefix", "use"):
        parser.add_argument(f"--{name}", default="")
    for name in ("examples", "plugin"):
        parser.add_argument(f"--{name}", action="store_true")
    options = parser.parse_args(sys.argv[1:])
    try:
        _decide(options)
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    return exit_codes.SUCCEEDED


def _decide(options: argparse.Namespace) -> None:
    _check_prefix(options.prefix)
    if not (options.checkout / "dags/gke_job").is_dir():
        die(
            exit_codes.CONFIG,
            f"{printable(str(options.checkout))} has no dags/gke_job: deploy from a checkout of the toolkit",
        )
    request = plan.Request(
        prefix=options.prefix,
        examples=read_files(options.checkout / "dags/examples") if options.examples else {},
        plugins=options.plugin,
        now=int(storage_time()),
    )
    found = _read_objects(options.objects)
    objects = {name: item.get("md5_hash", "") for name, item in found.items()}
    before = _read(options.before / "__init__.py")
    deployed = _read_deployed(before, request)
    if options.use:
        _check_release(options.use, plan.releases_in(request, objects), options.before / options.use, request.folder)
        log(f"release {options.use}, used immediately; previous release: {deployed.current or 'none'}")
        chosen = plan.roll_back(request, options.use, deployed)
    else:
        chosen = _deploy(options, request, deployed, objects)
    template = (options.checkout / "scripts/lib/gke_job_pointer.py").read_text()
    pointer = write_pointer(template, chosen.deployed).encode()
    _log_files(chosen, request)
    if not chosen.uploads and not chosen.removals and pointer == before:
        written = _created(found[f"{request.folder}{POINTER}"])
        release = request.release_folder(deployed.current)
        # Newer files are those of an interrupted deployment. Then the time from which the release is complete counts
        # anew.
        if all(_created(item) <= written for name, item in found.items() if name.startswith(release)):
            log("nothing changes")
            (options.to / "written").write_text(f"{written:.0f}")
            return
    for name, content in chosen.uploads.items():
        path = options.to / "new" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    if chosen.removals:
        (options.to / "removed").write_text("".join(f"{options.bucket}/{name}\n" for name in chosen.removals))
    (options.to / "pointer").write_bytes(pointer)
    generation = int(found.get(f"{request.folder}{POINTER}", {}).get("generation", 0))  # 0: no pointer yet
    (options.to / "generation").write_text(str(generation))


def _deploy(
    options: argparse.Namespace, request: plan.Request, deployed: Deployed, objects: dict[str, str]
) -> plan.Plan:
    release = read_release(options.checkout)
    chosen = plan.plan(request, release, deployed, objects)
    if release.name != deployed.current:
        moment = f"{plan.SYNC_SECONDS // 60} min after it is copied" if deployed.current else "immediately"
        log(f"release {release.name}, used {moment}; previous release: {deployed.current or 'none'}")
        for line in plan.differences(request, deployed.current, release, objects):
            log(printable(line))
    if f"{request.folder}gke_job/operator.py" in objects:
        folder = request.folder
        log(
            f"{folder}scripts, {folder}templates and {folder}gke_job/*.py except __init__.py belong to a "
            "deployment without releases: remove them after all DAG runs from before this deployment have ended"
        )
    return chosen


def _check_release(release: str, found: list[str], copy: Path, folder: str) -> None:
    """End the command if DAGs could not use a release: they would silently continue with the previous one."""
    if release not in found:
        there = ", ".join(found) or "none"
        die(exit_codes.CONFIG, f"release {printable(release)} is not in {folder}gke_job_releases; available: {there}")
    files = read_files(copy)
    try:
        wrong = damage(release, files.pop(MANIFEST, b""), files)
    except ValueError as error:
        wrong = [f"{MANIFEST} is damaged: {error}"]
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        die(
            exit_codes.CONFIG,
            f"release {release} in the bucket cannot be used: {', '.join(wrong[:SHOWN])}{more}; "
            "deploy it again from its checkout, or use another one",
        )


def _log_files(chosen: plan.Plan, request: plan.Request) -> None:
    """Log the files that are copied or removed outside of releases, and each removed release once."""
    folder = f"{request.folder}gke_job_releases/"
    for name in chosen.uploads:
        if not name.startswith(folder):
            log(f"copies {name}")
    ends = {name: name.index("/", len(folder)) + 1 if name.startswith(folder) else None for name in chosen.removals}
    for name in sorted({name[:end] for name, end in ends.items()}):
        log(f"removes {printable(name)}")
    if chosen.left:
        log(printable(f"keeps objects that belong to no release: {', '.join(map(escaped, chosen.left))}"), WARNING)


def _check_prefix(prefix: str) -> None:
    if prefix and (keyword.iskeyword(prefix) or prefix.startswith("__") or prefix in TAKEN or _is_module(prefix)):
        die(exit_codes.USAGE, f"option --prefix is '{prefix}': Python has a module of that name; choose another prefix")


def _is_module(name: str) -> bool:
    """Whether this Python, with its site-packages, has another module of that name, which DAGs may need."""
    if name in sys.stdlib_module_names:
        return True
    # PYTHONPATH is removed, because it may contain the DAG folder.
    return subprocess.run([sys.executable, "-E", "-c", IS_MODULE, name], check=False).returncode == 0


def _read(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _read_deployed(pointer: bytes | None, request: plan.Request) -> Deployed:
    try:
        deployed = read_pointer(pointer.decode()) if pointer is not None else Deployed()
        if any(time > request.now + LATEST_SECONDS for time in deployed.releases.values()):
            raise ValueError("the start time of a release is more than a day in the future")
    except ValueError as error:
        die(
            exit_codes.DATA,
            f"{request.folder}{POINTER} in the bucket has unexpected content: {printable(str(error))}; "
            "remove it and run this again",
        )
    return deployed


def _created(item: dict[str, Any]) -> float:
    """Return when an object was written, from the output of gcloud, in seconds since the epoch."""
    return datetime.strptime(item["creation_time"], "%Y-%m-%dT%H:%M:%S%z").timestamp()


def _read_objects(file: Path) -> dict[str, dict[str, Any]]:
    """Return the current version of each object, by name."""
    return {item["name"]: item for item in json.loads(file.read_text()) if not item.get("noncurrent_time")}
