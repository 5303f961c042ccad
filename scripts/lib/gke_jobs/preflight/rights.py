"""Checks the rights of templates/role.yaml in a namespace, each by a SelfSubjectAccessReview.

`kubectl auth can-i --list` is not sufficient: on GKE it does not list rights that IAM grants.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gke_jobs.json_access import Json, list_at
from gke_jobs.preflight.finding import Finding, failed, ok, warning

SERVICE_ACCOUNT = ".iam.gserviceaccount.com"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
# Rights that only a manifest with more than a Job needs.
RARELY_NEEDED = {"configmaps": "indexed-job or config_files", "services": "distributed-job"}


@dataclass(frozen=True, kw_only=True)
class Right:
    """A verb on a resource, `pods/log` for one of its subresources."""

    verb: str
    group: str
    resource: str


def of_role(role: Json) -> list[Right]:
    """Return the rights of a Role."""
    return [
        Right(verb=str(verb), group=str(group), resource=str(resource))
        for rule in list_at(role, "rules")
        for group in list_at(rule, "apiGroups")
        for resource in list_at(rule, "resources")
        for verb in list_at(rule, "verbs")
    ]


def review(right: Right, namespace: str) -> Json:
    """Return the review that asks the API server for a right."""
    resource, _, subresource = right.resource.partition("/")
    attributes = {"namespace": namespace, "verb": right.verb, "group": right.group, "resource": resource}
    attributes |= {"subresource": subresource} if subresource else {}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


def evaluate(allowed: Mapping[Right, bool], namespace: str, user: str) -> list[Finding]:
    """Return the finding for the answers. user: the user name of this account, '' if not known."""
    missing = [right for right, is_allowed in allowed.items() if not is_allowed]
    needed = [right for right in missing if right.resource not in RARELY_NEEDED]
    rare = [right for right in missing if right.resource in RARELY_NEEDED]
    name = "-".join(["gke-job", *re.findall(r"[a-z0-9]+", user.lower().removesuffix(SERVICE_ACCOUNT))])
    fix = (
        f"kubectl apply --namespace {namespace} --filename templates/role.yaml && kubectl create rolebinding {name} "
        f"--namespace {namespace} --role gke-job --user {shlex.quote(user or 'USER')} --dry-run=client --output yaml | "
        "kubectl apply --filename -"
    )
    place = f"namespace {namespace}"
    if not any(allowed.values()):  # the API server gives the same answers for a namespace that does not exist
        place += ", which may not exist (templates/access/README.md, step 4)"
    findings = []
    if needed:
        findings.append(failed("rights", f"missing in {place}: {_format_rights(needed)}", fix))
    if rare:
        users = " and ".join(sorted({RARELY_NEEDED[right.resource] for right in rare}))
        found = f"missing in {place}: {_format_rights(rare)}, which only Jobs of {users} need"
        findings.append(warning("rights", found, fix))
    if not findings:
        findings.append(
            ok("rights", f"all {len(allowed)} permissions of templates/role.yaml, in namespace {namespace}")
        )
    return findings


def _format_rights(rights: Iterable[Right]) -> str:
    by_resource: dict[str, list[str]] = {}
    for right in rights:
        by_resource.setdefault(right.resource, []).append(right.verb)
    return "; ".join(f"{', '.join(verbs)} {resource}" for resource, verbs in by_resource.items())
