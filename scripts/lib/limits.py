"""How large an object may be, so that what no cluster takes is refused before anything is sent."""

from __future__ import annotations

import json

from render_error import BAD_INPUT, RenderError
from values import Json

# etcd refuses requests of more than 1.5 MiB (--max-request-bytes), for which the API server of 1.36 blames the Job's
# selector. The rest is for what the cluster adds to the object, and to the Pods that it makes of it.
OBJECT_BYTES = 1_500_000
ANNOTATIONS_BYTES = 262_144  # apimachinery, api/validation: TotalAnnotationSizeLimitB

ADVICE = "write large values to object storage and pass their URI"


def refuse_too_large(document: dict[str, Json], template: str) -> None:
    """Raise RenderError when `document` or the annotations in it are larger than any cluster takes."""
    pod = document.get("spec", {}).get("template", {})
    for path, owner in (("metadata.annotations", document), ("spec.template.metadata.annotations", pod)):
        size = sum(_bytes(key) + _bytes(text) for key, text in owner.get("metadata", {}).get("annotations", {}).items())
        if size > ANNOTATIONS_BYTES:
            what = f"{path} of {document['kind']} has {size} bytes, {template}, {ANNOTATIONS_BYTES} is the most"
            raise RenderError(BAD_INPUT, f"{what}: {ADVICE}")
    if (size := _bytes(document)) > OBJECT_BYTES:
        what = f"{document['kind']} has {size} bytes, {template}, {OBJECT_BYTES} is the most"
        raise RenderError(BAD_INPUT, f"{what} that a cluster is sure to store: {ADVICE}")


def _bytes(content: Json) -> int:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode())
