"""dags/TROUBLESHOOTING.md quotes messages that the toolkit prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
QUOTED = ROW.findall((REPOSITORY / "dags" / "TROUBLESHOOTING.md").read_text())
OF_OTHERS = {
    "Terminating",
    "OOMKilled",
    "BackoffLimitExceeded",
    "DeadlineExceeded",
    "No module named 'gke_job'",
    "Trigger failure",
    "stuck in queued",
    "state attribute is running",
}
SOURCES = [
    path
    for folder in ("scripts", "dags/gke_job")
    for path in (REPOSITORY / folder).rglob("*")
    if path.is_file() and path.suffix in ("", ".py", ".bash")
]


@pytest.fixture(scope="module")
def source() -> str:
    # A message may be several strings in a row.
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in SOURCES))


def test_messages_are_quoted():
    assert len(QUOTED) > 20


@pytest.mark.parametrize("message", [quoted for quoted in QUOTED if quoted not in OF_OTHERS])
def test_the_toolkit_prints_a_quoted_message(message, source):
    assert message in source
