"""Decides what a deployment writes to a bucket and removes there."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace

from gke_jobs.deployment.deployed import RELEASE, Deployed
from gke_jobs.deployment.release import MANIFEST, PATH, Release

SYNC_SECONDS = 300  # in which the files of a bucket reach every part of the environment
KEPT_DAYS = 30  # for which a release stays that DAGs no longer name: runs and deferred tasks of it may go on
PLUGINS = ("links", "triggerer_path")
NO_DAGS = b"[a-z_]*\n"  # of .airflowignore: Airflow 3 (glob) and 2 (regular expression) read it alike


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for.

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
        """That of a release."""
        return f"{self.folder}gke_job_releases/{release}/"


@dataclass(frozen=True)
class Plan:
    """What is done.

    deployed: what the pointer is to say; uploads: content by object; removals: objects; left: objects of releases that
    are removed, but whose names no release has
    """

    deployed: Deployed
    uploads: dict[str, bytes] = field(default_factory=dict)
    removals: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def md5(content: bytes) -> str:
    """Return the MD5 of an object as Cloud Storage has it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def plan(request: Request, release: Release, deployed: Deployed, objects: dict[str, str]) -> Plan:
    """Decide about a deployment.

    :param release: what DAGs are to use
    :param deployed: what the pointer in the bucket says
    :param objects: MD5 by object, of those that may be the toolkit's
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
        if example not in examples and objects.get(example) == digest:  # nobody has changed it
            removals.append(example)
            known[name] = digest
    after = replace(after, examples=known)
    uploads = {name: content for name, content in wanted.items() if objects.get(name) != md5(content)}
    return Plan(after, uploads, removals, left)


def start(planned: Deployed, before: Deployed, now: int) -> Deployed:
    """Return what is deployed when a new release that is not taken at once has been copied.

    :param before: what the pointer in the bucket says
    """
    since = planned.releases[planned.current]
    if not since or before.releases.get(planned.current) == since:
        return planned
    return replace(planned, releases={**planned.releases, planned.current: now + SYNC_SECONDS})


def roll_back(request: Request, release: str, deployed: Deployed) -> Plan:
    """Decide about going back to a release that is in the bucket: DAGs take it as soon as the pointer has arrived."""
    return Plan(deployed.with_release(release, now=request.now, since=0))


def releases_in(request: Request, objects: dict[str, str]) -> list[str]:
    """Return the releases that are in the bucket."""
    folder = f"{request.folder}gke_job_releases/"
    ends = f"/{MANIFEST}"
    found = (name[len(folder) : -len(ends)] for name in objects if name.startswith(folder) and name.endswith(ends))
    return sorted(name for name in found if RELEASE.fullmatch(name))


def differences(request: Request, before: str, release: Release, objects: dict[str, str]) -> list[str]:
    """Return what a release changes, a line for each file, or one for all where there is no release before."""
    folder = request.release_folder(before)
    old = {name[len(folder) :]: digest for name, digest in objects.items() if name.startswith(folder)}
    old.pop(MANIFEST, None)
    if not old:
        return [f"adds {len(release.files)} files"]
    new = _hashes(release.files)
    words = {path: "adds" if path not in old else "removes" if path not in new else "changes" for path in {*old, *new}}
    return [f"{words[path]} {path}" for path in sorted(words) if old.get(path) != new.get(path)]


def _examples(request: Request) -> dict[str, bytes]:
    """Return the examples as they import the package of a team."""
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
    """Return what is deployed then, the objects of releases that no run needs any more, and those that no release has.

    A release is known until its objects are gone: removing them may fail. Names of the others could be several
    addresses, or wildcards, to gcloud.
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
