"""Tells where the template says the fields that Kubernetes complains about.

`render-job --places FILE` writes where that is; explain-error adds it to the message of an error.
"""

from __future__ import annotations

import re

from gke_jobs.rendering.values import Json

# spec.template.spec.containers[0].resources.limits[cpu], and, in a message about types, JobSpec.spec.backoffLimit.
FIELD = re.compile(r"""\b(?:metadata|spec|data)(?:\.[A-Za-z]\w*|\[[^]\s"]+\])+""")

Places = list[tuple[str, list[str], str]]  # kind of the object, path of the field, template and line


def places_of(documents: list[Json], places: dict[tuple[str | int, ...], str]) -> Places:
    """Return what read_documents_and_places has found, in the form that is written to a file."""
    return [(str(documents[number]["kind"]), [*map(str, path)], place) for (number, *path), place in places.items()]  # type: ignore[index]


def explain(message: str, places: Places) -> str:
    """Return where the fields that `message` names are said, or an empty text."""
    kinds = {kind for kind, _, _ in places if re.search(rf"\b{re.escape(kind)}\b", message)}
    known = [(path, place) for kind, path, place in places if kind in kinds or not kinds]
    found = {field: _find(re.findall(r"(?<=\[)[^]]+|[^][.]+", field), known) for field in FIELD.findall(message)}
    return "; ".join(f"{field} is in {place}" for field, place in found.items() if place)


def _find(path: list[str], known: list[tuple[list[str], str]]) -> str | None:
    """The place of the field, or of the next one around it; without positions in the path only where there is one."""
    while len(path) > 1:
        exact = {place for other, place in known if other == path}
        like = {place for other, place in known if [part for part in other if not part.isdecimal()] == path}
        for candidates in (exact, like):
            if len(candidates) == 1:
                return candidates.pop()
        path = path[:-1]
    return None
