"""The Airflow that the tests of all files share."""

from __future__ import annotations

import pytest

from e2e.runs import running_airflow


@pytest.fixture(scope="session")
def airflow():
    with running_airflow(
        "killed.py", "waiting.py", "held.py", "staying.py", "falling.py", "falling.yaml", slots=16
    ) as airflow:
        yield airflow
