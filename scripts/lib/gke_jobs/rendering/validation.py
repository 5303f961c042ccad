"""Checks a manifest against the schema that Kubernetes publishes, without a cluster.

The schemas are in the optional package kubernetes-validate: each of its releases has those of all versions of
Kubernetes up to its own version.
"""

from __future__ import annotations

import sys

from gke_jobs.rendering.places import Places, explain
from gke_jobs.rendering.render_error import BAD_INPUT, NOT_CONFIGURED, USAGE, RenderError
from gke_jobs.rendering.values import Json


def validate_offline(document: dict[str, Json], version: str | None, places: Places) -> None:
    """Raise RenderError if `document` does not conform to the schema of Kubernetes `version`, by default the newest."""
    try:
        import kubernetes_validate
        from kubernetes_validate.utils import VersionNotSupportedError
    except ModuleNotFoundError as error:
        fix = "install kubernetes-validate for this Python, or use a cluster: submit-job --dry-run --validate server"
        what = f"cannot validate offline: {sys.executable} has no module {error.name}"
        raise RenderError(NOT_CONFIGURED, what, fix=fix) from None
    newest = kubernetes_validate.latest_version()
    try:
        kubernetes_validate.validate(document, version or newest, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
        where = explain(f"{document['kind']}: {path}", places)
        what = f"invalid {document['kind']} of Kubernetes {error.version}: {path}: {error.message}"
        fix = f"correct the template or its values{': ' if where else ''}{where}"
        raise RenderError(BAD_INPUT, what, fix=fix) from None
    except kubernetes_validate.SchemaNotFoundError as error:
        raise RenderError(BAD_INPUT, f"invalid manifest: {error.message}", fix="correct apiVersion and kind") from None
    except (VersionNotSupportedError, IndexError, ValueError):
        what = f"kubernetes-validate {kubernetes_validate.__version__} has no schema of Kubernetes {version}"
        fix = f"use a version up to {newest}, e.g. 1.33, or install a newer package"
        raise RenderError(USAGE, what, fix=fix) from None
