"""Reads a plain manifest: a JSON file with a Job, or a list of a Job and the objects that it owns, without Jinja.

The Job gets another name than metadata.name. References in the manifest to the Job, or to objects that it owns, are
changed to the new name.
"""

from __future__ import annotations

import json
from pathlib import Path

from gke_jobs.json_access import text_at
from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.values import SCHEMA, Json, check_json, load_json, without_null

CONFIG_MAP_REFERENCES = ("configMap", "configMapRef", "configMapKeyRef")  # fields whose `name` is that of a ConfigMap
JOB_NAME_LABELS = ("batch.kubernetes.io/job-name", "job-name")


def read_plain(file: Path, values: dict[str, Json], profile: str | None, name: str) -> list[Json]:
    """Return the documents of a manifest, in which the Job has the name `name`.

    RenderError if it is no JSON, or values or a profile are given.
    """
    if values:
        what = "values are given for a manifest that is not a template"
        raise RenderError(BAD_INPUT, what, where=file.name, fix="give a .yaml.j2 file or no values")
    if profile:
        what = "a profile is given for a manifest that is not a template"
        raise RenderError(BAD_INPUT, what, where=file.name, fix="write its fields into the manifest")
    try:
        content = load_json(file.read_bytes())
        json.dumps(content, allow_nan=False)  # also finds 1e400
    except (OSError, ValueError, RecursionError) as error:
        fix = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else "correct it"
        raise RenderError(BAD_INPUT, f"manifest is not JSON: {error}", where=file.name, fix=fix) from None
    check_json(content, "manifest", file.name)
    documents = [without_null(document) for document in (content if isinstance(content, list) else [content])]
    for document in documents:
        if isinstance(document, dict):
            document.pop(SCHEMA, None)
    return _with_name(documents, name)


def _with_name(documents: list[Json], name: str) -> list[Json]:
    """Return the documents with `name` in place of the Job's own name in names and references."""
    written = next((text_at(document, "metadata", "name") for document in documents if _is(document, "Job")), "")
    if not written:
        return documents
    of_config_maps, of_services = (
        {
            own: f"{name}{own.removeprefix(written)}"
            for document in documents
            if _is(document, kind)
            and f"{(own := text_at(document, 'metadata', 'name') or written)}-".startswith(f"{written}-")
        }
        for kind in ("ConfigMap", "Service")
    )

    def renamed(value: Json) -> Json:
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return {key: renamed_field(key, item) for key, item in value.items()} if isinstance(value, dict) else value

    def renamed_field(key: str, value: Json) -> Json:
        if key in CONFIG_MAP_REFERENCES and text_at(value, "name") in of_config_maps:
            return renamed(value) | {"name": of_config_maps[value["name"]]}
        if key == "subdomain" and isinstance(value, str):
            return of_services.get(value, value)
        return name if key in JOB_NAME_LABELS and value == written else renamed(value)

    def owned(document: Json) -> Json:
        names = of_config_maps if _is(document, "ConfigMap") else of_services if _is(document, "Service") else {}
        own = text_at(document, "metadata", "name")
        return document | {"metadata": document["metadata"] | {"name": names[own]}} if own in names else document

    # The data of a ConfigMap has no fields of Kubernetes.
    return [owned(document if _is(document, "ConfigMap") else renamed(document)) for document in documents]


def _is(document: Json, kind: str) -> bool:
    return text_at(document, "kind") == kind
