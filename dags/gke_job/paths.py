"""Where the scripts are: next to the package in a Composer bucket, one level up in a checkout."""

from __future__ import annotations

from pathlib import Path

DAGS = Path(__file__).resolve().parent.parent


def script(name: str) -> Path:
    """Finds one of the toolkit's scripts.

    :raises FileNotFoundError: it is in neither place
    """
    places = [DAGS / "scripts" / name, DAGS.parent / "scripts" / name]
    for path in places:
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name} is neither {places[0]} nor {places[1]}; copy scripts/ there with deploy-dags")
