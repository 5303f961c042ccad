"""Marks each test with its room: `pytest -m unit`."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        room = item.path.relative_to(TESTS).parts[0]
        item.add_marker(getattr(pytest.mark, room))
