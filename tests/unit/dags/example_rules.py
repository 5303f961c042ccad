"""Rules for all example DAGs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Examples that need Google's provider. Of the Airflows of these tests only that of `make test-google` has it, where
# google_operators.py tests them.
OF_GOOGLES_PROVIDER = {"prepare_train_load"}


def check_example(dag: Any) -> None:
    """Checks that an example is short and has a description."""
    assert dag.doc_md
    assert dag.description
    assert set(dag.tags) == {"gke_job"}
    assert len(Path(dag.fileloc).read_text().splitlines()) < 80
