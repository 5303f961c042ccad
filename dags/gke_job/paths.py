"""Finds the scripts: next to the package in a release, one level up in a checkout."""

from __future__ import annotations

from pathlib import Path

DAGS = Path(__file__).resolve().parent.parent
MANIFEST = "MANIFEST"  # the list of files of a release, which deploy-dags writes


def script(name: str) -> Path:
    """Returns the path of one of the toolkit's scripts.

    :raises FileNotFoundError: the script is in neither place
    """
    places = [DAGS / "scripts" / name, DAGS.parent / "scripts" / name]
    for path in places:
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name} not found: neither {places[0]} nor {places[1]} exists; copy it with deploy-dags")


def version() -> str:
    """Returns the name of the release; in a checkout, or a copy of one, the version in `scripts/VERSION`."""
    if (DAGS / MANIFEST).is_file():
        return DAGS.name
    try:
        return script("VERSION").read_text().strip()
    except OSError:  # not an error here: the command that needs a script reports that it is missing
        return "of unknown version"
