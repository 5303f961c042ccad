"""Imports the DAG files that use the toolkit, as Airflow does; for deploy-dags --check. Needs Airflow.

check_dags.py --dags DIR --package NAME [--image VERSION]

--package is the name by which DAGs import the toolkit, and --image the image version of the Composer environment.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import tempfile
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dag_imports import files_that_import
from gke_jobs import exit_codes
from gke_jobs.messages import ERROR, WARNING, ScriptError, die, log
from gke_jobs.plain_text import printable


def main() -> int:
    """Check the DAG files; return an exit code."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--dags", type=Path, required=True)
    parser.add_argument("--package", required=True)
    parser.add_argument("--image", default="")
    options = parser.parse_args()
    try:
        compare_versions(options.image)
    except ScriptError as error:
        log(str(error), ERROR)
        return error.status
    found, dag_files = read_dags(options.dags)
    files = set(map(str, files_that_import(options.package, options.dags))) & dag_files
    package = re.escape(options.package)
    place = re.escape(str(options.dags.joinpath(*options.package.split("."))))
    named = re.compile(rf"(?<![/\w.]){package}\b(?!/)|{place}/")  # not in the path of a venv
    errors = {file: text for file, text in found.items() if file in files or named.search(text)}
    files |= errors.keys()
    for file, text in sorted(errors.items()):
        last = next(reversed(text.strip().splitlines()), "no reason is known")
        log(f"{printable(os.path.relpath(file, options.dags))}: {printable(last)}", ERROR)
    log(f"{len(files) - len(errors)} of {len(files)} DAG files that import {options.package} can be imported")
    return exit_codes.DATA if errors else exit_codes.SUCCEEDED


def compare_versions(image: str) -> None:
    """Compare the Airflow of this Python with that of an environment. ScriptError if the minor version differs."""
    try:
        ours = version("apache-airflow")
    except PackageNotFoundError:
        die(exit_codes.CONFIG, f"{sys.executable} has no Airflow: set GKE_JOB_PYTHON to a Python that has it")
    found = re.search(r"airflow-(\d+\.\d+\.\d+)", image)
    if not found:
        log(f"the environment's version of Airflow is not known: checking with {ours}", WARNING)
    elif found[1].split(".")[:2] != ours.split(".")[:2]:
        die(
            exit_codes.CONFIG,
            f"the environment has Airflow {found[1]}, {sys.executable} has {ours}: install apache-airflow=={found[1]} "
            "and what the DAGs import into a venv, and name its Python in GKE_JOB_PYTHON",
        )
    elif found[1] != ours:
        log(f"the environment has Airflow {found[1]}: checking with {ours}", WARNING)


def read_dags(dags: Path) -> tuple[dict[str, str], set[str]]:
    """Import the DAG files below a directory; return the import error of each file that has one, and all files.

    Airflow treats a file as a DAG file if it contains `airflow` and `dag` or `asset`. Other files are modules of DAG
    files.
    """
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        sys.path.append(str(dags))
        logging.disable(logging.CRITICAL)
        try:
            module = import_module("airflow.dag_processing.dagbag")
        except ImportError:  # Airflow 2.11, 3.1
            module = import_module("airflow.models.dagbag")
        errors: dict[str, str] = module.DagBag(str(dags)).import_errors
        return errors, set(import_module("airflow.utils.file").list_py_file_paths(str(dags)))


if __name__ == "__main__":
    sys.exit(main())
