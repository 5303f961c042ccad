"""Prints the ids of the DAGs below a directory, and on stderr why a file cannot be imported: `dag_ids.py DIRECTORY`."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from pathlib import Path


def main(directory: str) -> None:
    """Print them."""
    logging.disable(logging.CRITICAL)  # Airflow logs to stdout
    sys.path.append(directory)
    try:
        module = import_module("airflow.dag_processing.dagbag")
    except ImportError:  # Airflow 2.11, 3.1
        module = import_module("airflow.models.dagbag")
    bag = module.DagBag(directory)
    for file, error in bag.import_errors.items():
        print(f"{Path(file).name}: {error.strip().splitlines()[-1]}", file=sys.stderr)
    print("\n".join(sorted(bag.dags)))


if __name__ == "__main__":
    main(sys.argv[1])
