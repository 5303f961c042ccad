"""Writes the ids of the DAGs below a directory to a file, a line each: `dag_ids.py DIRECTORY FILE`.

Import errors go to stderr. The ids do not go to stdout, because Airflow logs there.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main(directory: str, file: str) -> None:
    """Write the ids."""
    sys.path.append(directory)
    try:
        module = import_module("airflow.dag_processing.dagbag")
    except ImportError:  # Airflow 2.11, 3.1
        module = import_module("airflow.models.dagbag")
    bag = module.DagBag(directory)
    for path, error in bag.import_errors.items():
        print(f"{Path(path).name}: {error.strip().splitlines()[-1]}", file=sys.stderr)
    Path(file).write_text("".join(f"{dag_id}\n" for dag_id in sorted(bag.dags)))


if __name__ == "__main__":
    main(*sys.argv[1:])
