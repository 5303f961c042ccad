"""The Jobs for the checks: the template with the given values, or the shipped templates with minimal values."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gke_jobs.json_access import Json, dict_at
from gke_jobs.preflight.finding import Finding, failed, ok

if TYPE_CHECKING:
    from gke_jobs.rendering.profile import Profile

IMAGE = {"image": "busybox:1.37"}
SHIPPED: dict[str, Json] = {
    "batch-job": IMAGE,
    "indexed-job": {**IMAGE, "items": ["a"]},
    "distributed-job": {**IMAGE, "nodes": 2},
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of check-setup. template: '' for the shipped ones; profiles: () for all.

    name: of the Jobs, unique in the cluster
    """

    templates: Path
    name: str
    namespace: str
    template: str = ""
    values: str = ""
    settings: Sequence[str] = ()
    profiles_file: str = ""
    profiles: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Manifests:
    """jobs: by template; pods: the spec of a Pod, by profile, or by template if no profile is known."""

    jobs: Mapping[str, Json]
    pods: Mapping[str, Json]
    findings: Sequence[Finding]


def render_all(request: Request) -> Manifests:
    """Render the templates, and the Pod of each profile."""
    from gke_jobs.rendering.render_error import RenderError

    findings: list[Finding] = []
    jobs: dict[str, Json] = {}
    for name, values in ({request.template: None} if request.template else SHIPPED).items():
        try:
            jobs[name] = _render(request, name, values, None)
        except RenderError as error:  # noqa: PERF203 # each template has errors of its own
            findings.append(failed("templates", str(error), f"scripts/render-job --template {name} shows it"))
    if jobs:
        findings.append(ok("templates", f"{', '.join(jobs)} can be rendered"))
    try:
        pods = _pods(request) if jobs else {}
    except RenderError as error:
        findings.append(failed("profiles", str(error), "correct the file of --profiles, or --profile"))
        pods = {}
    return Manifests(jobs=jobs, pods=pods or {name: pod_of(job) for name, job in jobs.items()}, findings=findings)


def pod_of(job: Json) -> Json:
    """Return the spec of the Pods of a Job."""
    return dict_at(job, "spec", "template", "spec")


def _pods(request: Request) -> dict[str, Json]:
    """Return the Pod of each profile: from the template, or one container with the requests of the profile."""
    from gke_jobs.rendering.profiles import Profiles

    files = [request.templates / "profiles.yaml", *([Path(request.profiles_file)] if request.profiles_file else [])]
    table = Profiles(*files)
    names = request.profiles or table.names()
    if request.template:
        return {name: pod_of(_render(request, request.template, None, name)) for name in names}
    return {name: _pod(table.resolve(name)) for name in names}


def _pod(profile: Profile) -> Json:
    containers = [{"name": "main", "resources": profile["resources"]}]
    return {
        "nodeSelector": profile["node_selector"],
        "tolerations": profile["tolerations"],
        "containers": containers,
    }


def _render(request: Request, template: str, values: Json, profile: str | None) -> Json:
    """Return the Job of a template. values: None for those of the options. RenderError if it cannot be rendered."""
    from gke_jobs.rendering.plan import JOB
    from gke_jobs.rendering.rendering import render

    given = dict(os.environ) if values is None else {**os.environ, "GKE_JOB_VALUES": json.dumps(values)}
    with tempfile.TemporaryDirectory() as output:
        render(
            template=template,
            values=request.values or None,
            profile=profile,
            name=request.name,
            namespace=request.namespace,
            templates=request.templates,
            environ=given,
            profiles=request.profiles_file or None,
            settings=request.settings,
            output=output,
        )
        return json.loads(Path(output, JOB).read_bytes())
