"""Imitates discovery: the resources of the cluster, their verbs, and their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from localgke.errors import ApiError, not_imitated

READ = ("get", "list", "watch")
WRITE = ("create", "delete", "patch")
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

    @property
    def name(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/v1" if self.group else "v1"


class Target(NamedTuple):
    """The target of a request; `namespace`, `name` and `subresource` may be empty."""

    resource: Resource
    namespace: str
    name: str
    subresource: str

    @property
    def verbs(self) -> tuple[str, ...]:
        """The verbs of the target."""
        if not self.subresource:
            return self.resource.verbs
        verbs: tuple[str, ...] = SUBRESOURCES[f"{self.resource.plural}/{self.subresource}"]["verbs"]
        return verbs


RESOURCES = (
    Resource("", "configmaps", "ConfigMap", ("cm",)),
    Resource("", "events", "Event", ("ev",), verbs=READ),
    Resource("", "limitranges", "LimitRange", ("limits",), verbs=READ),
    Resource("", "namespaces", "Namespace", ("ns",), namespaced=False, verbs=(*READ, "create")),
    Resource("", "nodes", "Node", ("no",), namespaced=False, verbs=(*READ, "patch", "delete")),
    Resource("", "pods", "Pod", ("po",)),
    Resource("", "resourcequotas", "ResourceQuota", ("quota",), verbs=READ),
    Resource("", "secrets", "Secret", ()),
    Resource("", "services", "Service", ("svc",)),
    Resource("batch", "jobs", "Job", ()),
)
SUBRESOURCES: dict[str, dict[str, Any]] = {  # -> what discovery says of it
    "jobs/status": {"kind": "Job", "verbs": ("get",)},
    "pods/eviction": {"group": "policy", "version": "v1", "kind": "Eviction", "verbs": ("create",)},
    "pods/log": {"kind": "Pod", "verbs": ("get",)},
    "pods/status": {"kind": "Pod", "verbs": ("get", "patch")},
}
EXTENSIONS = ".x-k8s.io"  # suffix of API groups that exist only if they are installed, such as Kueue's
NOTHING_OF = ("admissionregistration.k8s.io", "validatingadmissionpolicies")  # the stand-in has none
BY_PLURAL = {(resource.group, resource.plural): resource for resource in RESOURCES}
BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES}


def target(path: str) -> Target:
    """Returns the target of a path. Raises NotImplemented if the stand-in does not serve it."""
    match = PATH.fullmatch(path)
    if not match:
        raise ApiError("NotFound", "the server could not find the requested resource")
    group, plural, subresource = match["group"] or "", match["plural"], match["subresource"] or ""
    if group.endswith(EXTENSIONS) or (group, plural) == NOTHING_OF:
        raise ApiError("NotFound", "the server could not find the requested resource")
    resource = BY_PLURAL.get((group, plural))
    if resource is None or match["version"] != "v1":
        raise not_imitated(f'the resource "{plural}" of the API group "{group}", version {match["version"]}')
    if subresource and f"{plural}/{subresource}" not in SUBRESOURCES:
        raise not_imitated(f'the subresource "{plural}/{subresource}"')
    if bool(match["namespace"]) != resource.namespaced and (match["namespace"] or match["name"]):
        raise ApiError("NotFound", "the server could not find the requested resource")
    return Target(resource, match["namespace"] or "", match["name"] or "", subresource)


def is_true(query: Mapping[str, str], name: str) -> bool:
    """Whether a boolean parameter of a query is true: as in Kubernetes, any text but `0` and `false` in any case."""
    return query.get(name, "0").lower() not in ("0", "false")


def discovery(version: str) -> dict[str, dict[str, Any]]:
    """Returns the discovery documents by path; `version` is that of the cluster, e.g. `1.36.3-gke.1001000`."""
    major, minor = version.split(".")[:2]
    batch = {"groupVersion": "batch/v1", "version": "v1"}
    group = {"name": "batch", "versions": [batch], "preferredVersion": batch}
    paths = {"api/v1": "", "apis/batch/v1": "batch"}
    return {
        "/version": {"major": major, "minor": minor, "gitVersion": f"v{version}"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]},
        "/openapi/v3": {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}},
        **{f"/{path}": _resource_list(group) for path, group in paths.items()},
        **{f"/openapi/v3/{path}": _openapi(group) for path, group in paths.items()},
    }


def _resource_list(group: str) -> dict[str, Any]:
    found = [
        {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "shortNames": resource.short_names,
            "kind": resource.kind,
            "namespaced": resource.namespaced,
            "verbs": resource.verbs,
        }
        for resource in RESOURCES
        if resource.group == group
    ]
    for name, part in SUBRESOURCES.items():
        if (group, name.partition("/")[0]) in BY_PLURAL:
            found.append({"name": name, "singularName": "", "namespaced": True, **part})
    version = f"{group}/v1" if group else "v1"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found}


def _openapi(group: str) -> dict[str, Any]:
    """Returns the part of an OpenAPI document in which kubectl sees that the server validates fields."""
    parameters = [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]
    paths = {}
    for resource in RESOURCES:
        if resource.group == group:
            kind = {"group": group, "version": "v1", "kind": resource.kind}
            patch = {"parameters": parameters, "x-kubernetes-group-version-kind": kind}
            paths[f"/{resource.plural}/{{name}}"] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "localgke", "version": "v1"}, "paths": paths}
