"""Finds the lines of the template that set the fields in an error of Kubernetes.

`render-job --places FILE` writes the lines to a file; explain-error adds them to the message of an error.
"""

from __future__ import annotations

import re

from gke_jobs.rendering.values import Json

# spec.template.spec.containers[0].resources.limits[cpu], and, in a message about types, JobSpec.spec.backoffLimit.
FIELD = re.compile(r"""\b(?:metadata|spec|data)(?:\.[A-Za-z]\w*|\[[^]\s"]+\])+""")

Places = list[tuple[str, list[str], str]]  # kind of the object, path of the field, template and line


def places_of(documents: list[Json], places: dict[tuple[str | int, ...], str]) -> Places:
    """Return the places from read_documents_and_places in the form for the file."""
    return [(str(documents[number]["kind"]), [*map(str, path)], place) for (number, *path), place in places.items()]  # type: ignore[index]


def explain(message: str, places: Places) -> str:
    """Return the places of the fields in `message` as text, or an empty text."""
    kinds = {kind for kind, _, _ in places if re.search(rf"\b{re.escape(kind)}\b", message)}
    known = [(path, place) for kind, path, place in places if kind in kinds or not kinds]
    found = {field: _find(re.findall(r"(?<=\[)[^]]+|[^][.]+", field), known) for field in FIELD.findall(message)}
    return "; ".join(f"{field} is in {place}" for field, place in found.items() if place)


def _find(path: list[str], known: list[tuple[list[str], str]]) -> str | None:
    """Return the place of the field, or of the nearest field around it. A path without positions must be unique."""
    while len(path) > 1:
        exact = {place for other, place in known if other == path}
        like = {place for other, place in known if [part for part in other if not part.isdecimal()] == path}
        for candidates in (exact, like):
            if len(candidates) == 1:
                return candidates.pop()
        path = path[:-1]
    return None
