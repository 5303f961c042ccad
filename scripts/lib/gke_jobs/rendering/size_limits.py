"""Limits the size of objects, so that objects that no cluster accepts are refused before anything is sent."""

from __future__ import annotations

import json

from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.values import Json

# etcd refuses requests of more than 1.5 MiB (--max-request-bytes), for which the API server of 1.36 blames the Job's
# selector. The difference is for fields that the cluster adds to the object and to its Pods.
OBJECT_BYTES = 1_500_000
ANNOTATIONS_BYTES = 262_144  # apimachinery, api/validation: TotalAnnotationSizeLimitB
CONFIG_MAP_BYTES = 1_048_576  # core/v1: MaxSecretSize, also the limit of a ConfigMap

ADVICE = "write large values to object storage and pass their URI"


def refuse_too_large(document: dict[str, Json], template: str) -> None:
    """Raise RenderError if `document`, or a part of it with a limit, is too large for any cluster."""
    kind = document["kind"]
    pod = document["spec"]["template"] if kind == "Job" else {}
    parts = {
        "metadata.annotations": (ANNOTATIONS_BYTES, document["metadata"].get("annotations")),
        "spec.template.metadata.annotations": (ANNOTATIONS_BYTES, pod.get("metadata", {}).get("annotations")),
        "data": (CONFIG_MAP_BYTES, document.get("data") if kind == "ConfigMap" else None),
    }
    for path, (most, texts) in parts.items():
        size = sum(_bytes(key) + _bytes(text) for key, text in (texts or {}).items())
        if size > most:
            what = f"{path} of {kind} has {size} bytes, more than the maximum of {most}"
            raise RenderError(BAD_INPUT, what, where=template, fix=ADVICE)
    if (size := _bytes(document)) > OBJECT_BYTES:
        what = f"{kind} has {size} bytes, more than the maximum of {OBJECT_BYTES}"
        raise RenderError(BAD_INPUT, what, where=template, fix=ADVICE)


def _bytes(content: Json) -> int:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode())
