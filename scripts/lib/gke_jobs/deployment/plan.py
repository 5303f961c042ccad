"""Decides what a deployment writes to a bucket and removes there."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace

from gke_jobs.deployment.deployed import RELEASE, Deployed
from gke_jobs.deployment.release import MANIFEST, PATH, Release

SYNC_SECONDS = 300  # until the files of a bucket have reached every part of the environment
KEPT_DAYS = 30  # for which an unused release stays: its runs and deferred tasks may continue
PLUGINS = ("links", "triggerer_path")
NO_DAGS = b"[a-z_]*\n"  # of .airflowignore: the same for Airflow 3 (glob) and 2 (regular expression)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The request of a deployment.

    prefix: the folder of a team below dags/, '' for none; examples: content by file name; plugins: whether to copy the
    plugins; now: seconds since the epoch
    """

    prefix: str = ""
    examples: dict[str, bytes] = field(default_factory=dict)
    plugins: bool = False
    now: int

    @property
    def folder(self) -> str:
        """The folder in the bucket, with a slash."""
        return f"dags/{self.prefix}/" if self.prefix else "dags/"

    def release_folder(self, release: str) -> str:
        """The folder of a release."""
        return f"{self.folder}gke_job_releases/{release}/"


@dataclass(frozen=True)
class Plan:
    """What a deployment does.

    deployed: the new content of the pointer; uploads: content by object; removals: objects
    left: objects of removed releases, whose names no file of a release can have
    """

    deployed: Deployed
    uploads: dict[str, bytes] = field(default_factory=dict)
    removals: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def md5(content: bytes) -> str:
    """Return the MD5 of an object in the form of Cloud Storage."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def plan(request: Request, release: Release, deployed: Deployed, objects: dict[str, str]) -> Plan:
    """Return the plan of a deployment.

    :param release: the release that DAGs will use
    :param deployed: the content of the pointer in the bucket
    :param objects: MD5 by object, of the objects that may belong to the toolkit
    """
    wanted = {f"{request.release_folder(release.name)}{path}": content for path, content in release.files.items()}
    wanted[f"{request.release_folder(release.name)}{MANIFEST}"] = release.manifest
    wanted[f"{request.folder}gke_job_releases/.airflowignore"] = NO_DAGS
    wanted[f"{request.folder}gke_job/.airflowignore"] = release.files["gke_job/.airflowignore"]
    if request.plugins:
        wanted |= {f"plugins/gke_job_{name}.py": release.files[f"gke_job/{name}.py"] for name in PLUGINS}
    examples = {f"{request.folder}gke_job_examples/{name}": content for name, content in _examples(request).items()}
    wanted |= examples
    after, removals, left = _retire(request, _next(request, release.name, deployed), objects)
    known = _hashes(_examples(request))
    for name, digest in deployed.examples.items():
        example = f"{request.folder}gke_job_examples/{name}"
        if example not in examples and objects.get(example) == digest:  # it was not edited
            removals.append(example)
            known[name] = digest
    after = replace(after, examples=known)
    uploads = {name: content for name, content in wanted.items() if objects.get(name) != md5(content)}
    return Plan(after, uploads, removals, left)


def start(planned: Deployed, before: Deployed, now: int) -> Deployed:
    """Return what is deployed after a new release is copied that DAGs do not take at once.

    :param before: the content of the pointer in the bucket
    """
    since = planned.releases[planned.current]
    if not since or before.releases.get(planned.current) == since:
        return planned
    return replace(planned, releases={**planned.releases, planned.current: now + SYNC_SECONDS})


def roll_back(request: Request, release: str, deployed: Deployed) -> Plan:
    """Return the plan for a return to a release in the bucket: DAGs take it as soon as the pointer has arrived."""
    return Plan(deployed.with_release(release, now=request.now, since=0))


def releases_in(request: Request, objects: dict[str, str]) -> list[str]:
    """Return the releases that are in the bucket."""
    folder = f"{request.folder}gke_job_releases/"
    ends = f"/{MANIFEST}"
    found = (name[len(folder) : -len(ends)] for name in objects if name.startswith(folder) and name.endswith(ends))
    return sorted(name for name in found if RELEASE.fullmatch(name))


def differences(request: Request, before: str, release: Release, objects: dict[str, str]) -> list[str]:
    """Return the changes of a release: a line for each file, or one line for all if there is no previous release."""
    folder = request.release_folder(before)
    old = {name[len(folder) :]: digest for name, digest in objects.items() if name.startswith(folder)}
    old.pop(MANIFEST, None)
    if not old:
        return [f"adds {len(release.files)} files"]
    new = _hashes(release.files)
    words = {path: "adds" if path not in old else "removes" if path not in new else "changes" for path in {*old, *new}}
    return [f"{words[path]} {path}" for path in sorted(words) if old.get(path) != new.get(path)]


def _examples(request: Request) -> dict[str, bytes]:
    """Return the examples, changed to import the package of a team."""
    if not request.prefix:
        return request.examples
    package = f"from {request.prefix}.gke_job import ".encode()
    return {name: text.replace(b"from gke_job import ", package) for name, text in request.examples.items()}


def _hashes(files: dict[str, bytes]) -> dict[str, str]:
    return {name: md5(content) for name, content in files.items()}


def _next(request: Request, release: str, deployed: Deployed) -> Deployed:
    if release == deployed.current:
        return deployed
    since = request.now + SYNC_SECONDS if deployed.current else 0
    return deployed.with_release(release, now=request.now, since=since)


def _retire(request: Request, deployed: Deployed, objects: dict[str, str]) -> tuple[Deployed, list[str], list[str]]:
    """Return the new deployed state, the objects of expired releases, and objects beside them that no release has.

    A release stays in the pointer until its objects are removed, because the removal may fail. Objects whose names no
    release has are not removed: to gcloud such a name could be a wildcard or several addresses.
    """
    retired = {name: end for name, end in deployed.retired.items() if name not in deployed.releases}
    over = [name for name, end in retired.items() if end < request.now - KEPT_DAYS * 86400]
    removals: list[str] = []
    left: list[str] = []
    for release in over:
        folder = request.release_folder(release)
        found = [name for name in objects if name.startswith(folder)]
        files = [name for name in found if PATH.fullmatch(name, len(folder))]
        removals += files
        left += (name for name in found if name not in files)
        if not files:
            del retired[release]
    return replace(deployed, retired=retired), removals, left
