"""A manifest that is no template: a JSON file with a Job, or a list of a Job and what it owns. No Jinja, no values."""

from __future__ import annotations

import json
from pathlib import Path

from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.values import SCHEMA, Json, check_json, without_null


def read_plain(file: Path, values: dict[str, Json], profile: str | None) -> list[Json]:
    """Return the documents of a manifest. RenderError when it is no JSON, or values or a profile are given."""
    if values:
        raise RenderError(BAD_INPUT, f"values are given, {file.name} is no template, give a .yaml.j2 file or no values")
    if profile:
        raise RenderError(
            BAD_INPUT, f"a profile is given, {file.name} is no template, write its fields into the manifest"
        )
    try:
        content = json.loads(file.read_bytes())
        json.dumps(content, allow_nan=False)  # which also finds 1e400
    except (OSError, ValueError, RecursionError) as error:
        raise RenderError(BAD_INPUT, f"manifest is not JSON, {file.name}: {error}, give one Job") from None
    check_json(content, "fields of the manifest", file.name)
    documents = [without_null(document) for document in (content if isinstance(content, list) else [content])]
    for document in documents:
        if isinstance(document, dict):
            document.pop(SCHEMA, None)
    return documents
