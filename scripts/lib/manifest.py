"""What every manifest must be, one Job, and what is set on it so that a template can neither forget nor forge it."""

from __future__ import annotations

import re

from identity import NAME_LENGTH, Identity, Run, digest
from render_error import BAD_INPUT, RenderError
from values import Json

OURS = "gke-job/"
LABEL_LENGTH = 63
ARGUMENT_BYTES = 131_071  # Linux starts no program with a longer argument, or a longer variable with its name


def one_job(documents: list[Json], template: str) -> dict[str, Json]:
    """Return the only document, which must be a batch/v1 Job with a Pod template; RenderError otherwise."""
    if len(documents) != 1:
        kinds = ", ".join(_kind(document) for document in documents) or "nothing in it"
        raise RenderError(BAD_INPUT, f"manifest is not one document ({kinds}), {template}, leave one Job")
    job: dict[str, Json] = documents[0]
    if _kind(job) != "batch/v1 Job":
        raise RenderError(BAD_INPUT, f"manifest is {_kind(job)}, {template}, make it a Job of apiVersion batch/v1")
    for path in ("metadata", "spec.template.spec", "spec.template.metadata"):
        found: Json = job
        for key in path.split("."):
            found = found.get(key, {} if key == "metadata" else None)
            if not isinstance(found, dict):
                raise RenderError(BAD_INPUT, f"{path} is not a mapping, {template}, write it as in a Kubernetes Job")
    _refuse_long_arguments(job["spec"]["template"]["spec"], template)
    return job


def _refuse_long_arguments(pod: dict[str, Json], template: str) -> None:
    """Refuse a container that could never be started. What is no list of containers the API server refuses."""
    for container in [*_list(pod, "initContainers"), *_list(pod, "containers")]:
        for field in ("command", "args", "env"):
            for item in _list(container, field):
                text = f"{item.get('name')}={item.get('value')}" if isinstance(item, dict) else str(item)
                size = len(text.replace("$$", "$").encode())  # as it is after Kubernetes has expanded it
                if size > ARGUMENT_BYTES:
                    what = f"{field} of container {container.get('name')} has an item of {size} bytes"
                    advice = f"{ARGUMENT_BYTES} is the most: write it to object storage and pass its URI"
                    raise RenderError(BAD_INPUT, f"{what}, {template}, {advice}")


def _list(mapping: Json, key: str) -> list[Json]:
    found = mapping.get(key) if isinstance(mapping, dict) else None
    return found if isinstance(found, list) else []


def spec_hash(job: dict[str, Json]) -> str:
    """Return 12 hex digits that two Jobs share when they ask for the same work."""
    return digest(job["spec"])


def stamp(
    job: dict[str, Json],
    *,
    name: str,
    namespace: str | None,
    identity: Identity,
    run: Run,
    work: str,
    profile: str | None = None,
) -> dict[str, Json]:
    """Return `job` with name, namespace, labels and annotations set; `work` is its spec_hash.

    RenderError when the name or namespace is no DNS-1123 label, or the template uses a key of ours.
    """
    metadata, pod = job.get("metadata", {}), job["spec"]["template"].get("metadata", {})
    labels = {f"{OURS}identity": identity.hash, "app.kubernetes.io/managed-by": "gke-job"}
    annotations = {
        f"{OURS}airflow-environment": run.environment,
        f"{OURS}dag-id": run.dag_id,
        f"{OURS}task-id": run.task_id,
        f"{OURS}run-id": run.run_id,
        f"{OURS}map-index": run.map_index,
        f"{OURS}try-number": run.try_number,
        f"{OURS}manifest-hash": work,
        **({} if profile is None else {f"{OURS}profile": profile}),
    }
    names = {"name": _dns_label(name, "Job name", NAME_LENGTH)}
    if namespace is None:
        namespace = metadata.get("namespace")
    if namespace is not None:
        names["namespace"] = _dns_label(namespace, "namespace", LABEL_LENGTH)
    _theirs(pod, "spec.template.metadata.annotations")
    job_metadata = names | {
        "labels": _theirs(metadata, "metadata.labels") | labels,
        "annotations": _theirs(metadata, "metadata.annotations") | annotations,
    }
    pod_metadata = pod | {"labels": _theirs(pod, "spec.template.metadata.labels") | labels}
    template = {"metadata": pod_metadata, **_without(job["spec"]["template"], "metadata")}
    return {
        "apiVersion": job["apiVersion"],
        "kind": job["kind"],
        "metadata": job_metadata | _without(metadata, "generateName", *names, *job_metadata),
        **_without(job, "apiVersion", "kind", "metadata", "spec"),
        "spec": job["spec"] | {"template": template},
    }


def _kind(document: Json) -> str:
    if not isinstance(document, dict):
        return f"a {type(document).__name__}"
    return f"{document.get('apiVersion', '(no apiVersion)')} {document.get('kind', '(no kind)')}"


def _without(mapping: dict[str, Json], *keys: str) -> dict[str, Json]:
    return {key: value for key, value in mapping.items() if key not in keys}


def _theirs(metadata: dict[str, Json], path: str) -> dict[str, Json]:
    """Return the labels or annotations, the last word of `path`, that a template brings."""
    theirs = metadata.get(path.rpartition(".")[2], {})
    if not isinstance(theirs, dict):
        raise RenderError(BAD_INPUT, f"{path} is not a mapping, the template, write name: text")
    for key in theirs:
        if key.startswith(OURS):
            raise RenderError(BAD_INPUT, f"{key} is the toolkit's own, {path}, remove it from the template")
    return theirs


def _dns_label(text: Json, what: str, length: int) -> str:
    if isinstance(text, str) and len(text) <= length and re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", text):
        return text
    rule = f"at most {length} lower-case letters, digits and dashes, a letter or digit at both ends"
    raise RenderError(BAD_INPUT, f"{what} is no DNS-1123 label, {text!r}, take {rule}")
