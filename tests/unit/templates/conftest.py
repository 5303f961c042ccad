from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hypothesis_profiles  # noqa: F401 # loads them
from gke_jobs.rendering.templating import Renderer
from gke_jobs.rendering.yaml_document import read_documents


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    """The first document of a template text, with values; other files may be next to the template."""

    def read(text: str, values: dict[str, Any] | None = None, **files: str) -> Any:
        (tmp_path / "mine.yaml.j2").write_text(text)
        for name, content in files.items():
            (tmp_path / f"{name}.yaml.j2").write_text(content)
        return read_documents(Renderer(tmp_path).render("mine.yaml.j2", {"values": values or {}, "run": {}}))[0]

    return read


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes a profile table; each argument is the text under that key of the file."""

    def table(profiles: str = "{}", sizes: str = "{}", prices: str = "") -> Path:
        file = tmp_path / "team.yaml"
        file.write_text(f"profiles: {profiles}\nsizes: {sizes}\n" + (f"prices: {prices}\n" if prices else ""))
        return file

    return table
