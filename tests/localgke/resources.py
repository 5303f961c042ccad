"""Imitates discovery: which resources the cluster serves, with which verbs, and how their paths look."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from localgke.errors import ApiError, not_imitated

READ = ("get", "list", "watch")
WRITE = ("create", "delete", "patch", "update")
PATH = re.compile(
    r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>v[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>[^/]+))?)?"
)


class Resource(NamedTuple):
    """A kind of object. `plural` is its name in paths, `name` its full name as kubectl prints it."""

    group: str
    plural: str
    kind: str
    short_names: tuple[str, ...]
    namespaced: bool = True
    verbs: tuple[str, ...] = READ + WRITE
    subresources: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/v1" if self.group else "v1"


class Target(NamedTuple):
    """What a request is about; `namespace`, `name` and `subresource` may be empty."""

    resource: Resource
    namespace: str
    name: str
    subresource: str


RESOURCES = (
    Resource("", "configmaps", "ConfigMap", ("cm",)),
    Resource("", "events", "Event", ("ev",), verbs=READ),
    Resource("", "namespaces", "Namespace", ("ns",), namespaced=False, verbs=(*READ, "create")),
    Resource("", "nodes", "Node", ("no",), namespaced=False, verbs=READ),
    Resource("", "pods", "Pod", ("po",), subresources=("log", "status")),
    Resource("", "secrets", "Secret", ()),
    Resource("", "services", "Service", ("svc",)),
    Resource("batch", "jobs", "Job", (), subresources=("status",)),
)
BY_PLURAL = {(resource.group, resource.plural): resource for resource in RESOURCES}
BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES}


def target(path: str) -> Target:
    """What the path of a request names. Raises NotImplemented for what the stand-in does not serve."""
    match = PATH.fullmatch(path)
    if not match:
        raise ApiError("NotFound", "the server could not find the requested resource")
    group, plural, subresource = match["group"] or "", match["plural"], match["subresource"] or ""
    resource = BY_PLURAL.get((group, plural))
    if resource is None or match["version"] != "v1":
        raise not_imitated(f'the resource "{plural}" of the API group "{group}", version {match["version"]}')
    if subresource and subresource not in resource.subresources:
        raise not_imitated(f'the subresource "{plural}/{subresource}"')
    if bool(match["namespace"]) != resource.namespaced and (match["namespace"] or match["name"]):
        raise ApiError("NotFound", "the server could not find the requested resource")
    return Target(resource, match["namespace"] or "", match["name"] or "", subresource)


def api_versions() -> dict[str, Any]:
    """The answer to `/api`."""
    return {"kind": "APIVersions", "versions": ["v1"]}


def api_groups() -> dict[str, Any]:
    """The answer to `/apis`."""
    version = {"groupVersion": "batch/v1", "version": "v1"}
    group = {"name": "batch", "versions": [version], "preferredVersion": version}
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}


def resource_list(group: str) -> dict[str, Any]:
    """The answer to `/api/v1` (group "") and `/apis/batch/v1`."""
    found: list[dict[str, Any]] = []
    for resource in RESOURCES:
        if resource.group == group:
            entry = {"kind": resource.kind, "namespaced": resource.namespaced}
            found.append(
                {
                    "name": resource.plural,
                    "singularName": resource.kind.lower(),
                    "verbs": resource.verbs,
                    "shortNames": resource.short_names,
                    "categories": ["all"] if resource.plural in ("jobs", "pods", "services") else [],
                    **entry,
                }
            )
            for sub in resource.subresources:
                verbs = ["get"] if sub == "log" else ["get", "patch", "update"]
                found.append({"name": f"{resource.plural}/{sub}", "singularName": "", "verbs": verbs, **entry})
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/v1" if group else "v1",
        "resources": found,
    }


def openapi_index() -> dict[str, Any]:
    """The answer to `/openapi/v3`."""
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in ("api/v1", "apis/batch/v1")}}


def openapi(group: str) -> dict[str, Any]:
    """The part of an OpenAPI document in which kubectl looks up that the server validates fields itself."""
    paths = {}
    for resource in RESOURCES:
        if resource.group == group:
            paths[f"/{resource.plural}/{{name}}"] = {
                "patch": {
                    "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                    "x-kubernetes-group-version-kind": {"group": group, "version": "v1", "kind": resource.kind},
                }
            }
    return {"openapi": "3.0.0", "info": {"title": "localgke", "version": "v1"}, "paths": paths}
