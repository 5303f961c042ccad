"""Checks a manifest, one Job and the objects that it owns, and sets names and labels whatever the template has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gke_jobs import labels
from gke_jobs.price import Price
from gke_jobs.rendering.identity import LABEL_LENGTH, NAME_LENGTH, Identity, Run, digest, label_value
from gke_jobs.rendering.pod_check import check_pod
from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.tpu_slice import check_slice
from gke_jobs.rendering.values import Json

# The kinds that a Job may own. A Secret is not allowed: its content would be a value, which logs, XComs and --dry-run
# show.
OWNED = ("v1 ConfigMap", "v1 Service")


@dataclass(frozen=True)
class Manifest:
    """A Job and the objects that it owns, which are created after it and removed with it."""

    job: dict[str, Json]
    owned: list[dict[str, Json]]

    @property
    def hash(self) -> str:
        """The hash of the manifest, 12 hex digits: equal for manifests with the same work."""
        return digest([self.job["spec"], *self.owned])


def read_manifest(documents: list[Json], template: str) -> Manifest:
    """Split the documents into the Job and the objects that it owns; RenderError without one Job or for other kinds."""
    jobs = [document for document in documents if _kind(document) == "batch/v1 Job"]
    others = [document for document in documents if _kind(document) != "batch/v1 Job"]
    if len(jobs) != 1:
        what = f"{len(jobs)} Jobs" if jobs else "no Job"
        there = "" if jobs else f", but {', '.join(map(_kind, documents)) or 'nothing'}"
        fix = "write one object of kind Job and apiVersion batch/v1"
        raise RenderError(BAD_INPUT, f"manifest has {what}{there}", where=template, fix=fix)
    for document in others:
        if _kind(document) == "v1 Secret":
            fix = "create it outside the template and use its name in the template: rendered manifests are printed"
            raise RenderError(BAD_INPUT, "a manifest must not contain a Secret", where=template, fix=fix)
        if _kind(document) not in OWNED:
            what = f"{_kind(document)} is not allowed in a manifest"
            fix = f"use only {' and '.join(OWNED)} besides the Job"
            raise RenderError(BAD_INPUT, what, where=template, fix=fix)
        for field in ("metadata", "data", "spec"):
            if not isinstance(document.get(field, {}), dict):
                what = f"{field} of {_kind(document)} is not a mapping"
                raise RenderError(BAD_INPUT, what, where=template, fix="write it as in the Kubernetes API")
    _check_job(jobs[0], template)
    return Manifest(jobs[0], others)


def _check_job(job: dict[str, Json], template: str) -> None:
    for path in ("metadata", "spec.template.spec", "spec.template.metadata"):
        found: Json = job
        for key in path.split("."):
            found = found.get(key, {} if key == "metadata" else None)
            if not isinstance(found, dict):
                what = f"{path} is not a mapping"
                raise RenderError(BAD_INPUT, what, where=template, fix="write it as in a Kubernetes Job")
    check_pod(job["spec"]["template"]["spec"], template)
    check_slice(job, template)


def stamp(
    job: dict[str, Json],
    *,
    name: str,
    namespace: str | None,
    identity: Identity,
    run: Run,
    work: str,
    profile: str | None = None,
    price: Price | None = None,
    lost_attempts: int = 0,
) -> dict[str, Json]:
    """Return `job` with name, namespace, labels and annotations set; `work` is the hash of its manifest.

    RenderError if the name or namespace is not a DNS-1123 label, or the template uses a key of the toolkit.
    """
    metadata, pod = job.get("metadata", {}), job["spec"]["template"].get("metadata", {})
    ours = {labels.IDENTITY: identity.hash, labels.MANAGED_BY: labels.MANAGER}
    if run.dag_id:
        ours |= {labels.DAG: label_value(run.dag_id), labels.TASK: label_value(run.task_id)}
    annotations = {
        labels.AIRFLOW_ENVIRONMENT: run.environment,
        labels.DAG_ID: run.dag_id,
        labels.TASK_ID: run.task_id,
        labels.RUN_ID: run.run_id,
        labels.MAP_INDEX: run.map_index,
        labels.TRY_NUMBER: run.try_number,
        **({labels.DETACHED: run.detached} if run.detached else {}),
        labels.MANIFEST_HASH: work,
        **({} if profile is None else {labels.PROFILE: profile}),
        **({} if price is None else {labels.PRICE: price.to_text()}),
        **({labels.LOST_ATTEMPTS: str(lost_attempts)} if lost_attempts else {}),
    }
    names = {"name": _dns_label(name, "Job name", NAME_LENGTH)}
    if namespace is None:
        namespace = metadata.get("namespace")
    if namespace is not None:
        names["namespace"] = _dns_label(namespace, "namespace", LABEL_LENGTH)
    _user_entries(pod, "spec.template.metadata.annotations")
    job_metadata = names | {
        "labels": _user_entries(metadata, "metadata.labels") | ours,
        "annotations": _user_entries(metadata, "metadata.annotations", allowed=labels.GANG) | annotations,
    }
    pod_metadata = pod | {"labels": _user_entries(pod, "spec.template.metadata.labels") | ours}
    template = {"metadata": pod_metadata, **_without(job["spec"]["template"], "metadata")}
    return {
        "apiVersion": job["apiVersion"],
        "kind": job["kind"],
        "metadata": job_metadata | _without(metadata, "generateName", *names, *job_metadata),
        **_without(job, "apiVersion", "kind", "metadata", "spec"),
        "spec": job["spec"] | {"template": template},
    }


def stamp_owned(owned: list[dict[str, Json]], job: dict[str, Json]) -> list[dict[str, Json]]:
    """Return the objects that the stamped `job` owns, with its labels and namespace.

    RenderError if a name does not begin with the Job's, or is not unique.
    """
    stamped = [_stamp_owned(document, job["metadata"]) for document in owned]
    names = [f"{document['kind']} {document['metadata']['name']}" for document in stamped]
    for name in names:
        if names.count(name) > 1:
            raise RenderError(BAD_INPUT, f"{name} occurs twice in the template", fix="give each a unique name")
    return stamped


def _stamp_owned(document: dict[str, Json], job: dict[str, Json]) -> dict[str, Json]:
    metadata, kind = document.get("metadata", {}), document["kind"]
    name = metadata.get("name", job["name"])
    if name != job["name"] and not str(name).startswith(f"{job['name']}-"):
        what = f"name {name!r} of a {kind} does not begin with the name of its Job"
        fix = "write {{ job.name }} or {{ job.name }}-SUFFIX, or in JSON the metadata.name of the Job"
        raise RenderError(BAD_INPUT, what, fix=fix)
    names = {"name": _dns_label(name, f"{kind} name", LABEL_LENGTH)}
    if kind == "Service" and name[0].isdigit():
        what = f"name {name!r} of a Service begins with a digit"
        raise RenderError(BAD_INPUT, what, fix="give the Job another --name")
    if "namespace" in job:
        names["namespace"] = job["namespace"]
    ours = {key: job["labels"][key] for key in (labels.IDENTITY, labels.MANAGED_BY)}
    all_labels = _user_entries(metadata, f"metadata.labels of {kind} {name}") | ours
    _user_entries(metadata, f"metadata.annotations of {kind} {name}")
    stamped = names | {"labels": all_labels} | _without(metadata, "name", "namespace", "labels", "ownerReferences")
    return {"apiVersion": document["apiVersion"], "kind": kind, "metadata": stamped} | _without(
        document, "apiVersion", "kind", "metadata"
    )


def _kind(document: Json) -> str:
    if not isinstance(document, dict):
        return "a list" if isinstance(document, list) else "text" if isinstance(document, str) else str(document)
    return f"{document.get('apiVersion', '(no apiVersion)')} {document.get('kind', '(no kind)')}"


def _without(mapping: dict[str, Json], *keys: str) -> dict[str, Json]:
    return {key: value for key, value in mapping.items() if key not in keys}


def _user_entries(metadata: dict[str, Json], path: str, *, allowed: str | None = None) -> dict[str, Json]:
    """Return the labels or annotations of a template: the end of `path`, before ` of OBJECT`, names which of them.

    allowed: the key of the toolkit that a template may set to "true"
    """
    theirs = metadata.get(path.partition(" ")[0].rpartition(".")[2], {})
    if not isinstance(theirs, dict):
        raise RenderError(BAD_INPUT, f"{path} is not a mapping", fix="write name: text")
    for key, value in theirs.items():
        if key == allowed:
            if value != "true":
                fix = 'write "true", or leave it out'
                raise RenderError(BAD_INPUT, f"{key} is {value!r}", where=path, fix=fix)
        elif key.startswith(labels.OURS):
            fix = "remove it from the template or its values"
            raise RenderError(BAD_INPUT, f"{key} is reserved for the toolkit", where=path, fix=fix)
    return theirs


def _dns_label(text: Json, what: str, length: int) -> str:
    if isinstance(text, str) and len(text) <= length and re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", text):
        return text
    rule = f"at most {length} lower-case letters, digits and dashes, a letter or digit at both ends"
    raise RenderError(BAD_INPUT, f"{what} {text!r} is not a DNS-1123 label", fix=f"use {rule}")
