"""Imitates the Kubernetes API server: authenticates and authorizes a request, and answers it as JSON."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from yarl import URL

from localgke import logs, patches, resources, reviews, tables, watches
from localgke.admission import admit_new, admit_update
from localgke.config import Config, User
from localgke.decoding import decode
from localgke.deletion import delete_as_asked
from localgke.disruption import evict
from localgke.errors import ApiError, about, not_imitated
from localgke.resources import Target
from localgke.selectors import selector
from localgke.store import Object, Store
from localgke.tokens import Tokens

Handler = Callable[[web.Request, Target], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 3 * 1024 * 1024
# Query parameters that this server implements or may ignore; it refuses any other one. fieldManager would show only in
# managedFields, which are not kept. Whatever the parameters, fields are validated strictly, lists are complete, rows of
# a Table have their objects, and watches have no bookmarks.
PARAMETERS = {
    "allowWatchBookmarks",
    "container",
    "dryRun",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "follow",
    "force",
    "includeObject",
    "labelSelector",
    "limit",
    "limitBytes",
    "pretty",
    "previous",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "sinceTime",
    "tailLines",
    "timestamps",
    "timeout",
    "timeoutSeconds",
    "watch",
}
ORPHANED = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)
VERBS = {  # (method, whether one object is named) -> verb
    ("GET", True): "get",
    ("GET", False): "list",
    ("POST", False): "create",
    ("PUT", True): "update",
    ("PATCH", True): "patch",
    ("DELETE", True): "delete",
    ("DELETE", False): "deletecollection",
}


@dataclass(frozen=True, kw_only=True)
class Front:
    """A service in front of the API server that requires a permission and has its own paths.

    A `permission` that ends in a dot is completed by the method of the request: gkehub.gateway.delete.
    """

    permission: str = ""
    prefix: str = ""


def make_app(
    store: Store, config: Config, state: Path, tokens: Tokens | None = None, front: Front | None = None
) -> web.Application:
    """Returns the API server as an aiohttp application; `state` is the directory with `logs/`."""
    app = web.Application(middlewares=[_errors], client_max_size=MAX_BODY_BYTES)
    server = _Server(store, config, state, tokens or Tokens(config), front or Front())
    app.router.add_route("*", "/{path:.*}", server.handle)
    return app


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        reason = f"Request entity too large: limit is {MAX_BODY_BYTES}"
        error = ApiError("RequestEntityTooLarge", reason)
    except ApiError as known:
        error = known
    except Exception:
        logging.exception("%s %s", request.method, request.path_qs)
        error = ApiError("InternalError", "Internal error occurred: see the log of localgke")
    return web.json_response(error.status(), status=error.code)


class _Server:
    def __init__(self, store: Store, config: Config, state: Path, tokens: Tokens, front: Front):
        self._store, self._state, self._tokens, self._front = store, state, tokens, front
        self._discovery = resources.discovery(config.version)
        self._handlers: dict[str, Handler] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "patch": self._patch,
            "delete": self._delete,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        user = self._tokens.user(request.headers.get("Authorization", ""))
        if user is None:
            raise ApiError("Unauthorized", "Unauthorized")
        request = self._behind_front(request, user)
        accepted = request.headers.get("Accept", "*/*")
        if "json" not in accepted and "*/*" not in accepted:
            raise not_imitated(f"answers of type {accepted}")
        if request.path in self._discovery:
            return web.json_response(self._discovery[request.path])
        if request.method == "POST" and request.path in reviews.PATHS:
            return web.json_response(reviews.answer(request.path, user, await _json(request)), status=201)
        unknown = set(request.query) - PARAMETERS
        if unknown:
            raise not_imitated(f"the query parameter {', '.join(sorted(unknown))}")
        target = resources.target(request.path)
        one = bool(target.name) and target.subresource != "eviction"  # an eviction is created for a Pod
        verb = VERBS.get((request.method, one), request.method)
        if verb == "list" and resources.is_true(request.query, "watch"):
            verb = "watch"
        _authorize(user, verb, target)
        if verb not in target.verbs:
            raise not_imitated(f'the verb "{verb}" on {target.resource.name}')
        return await self._handlers[verb](request, target)

    def _behind_front(self, request: web.Request, user: User) -> web.Request:
        permission, prefix = self._front.permission, self._front.prefix
        if permission.endswith("."):
            permission += request.method.lower()
        if permission and not user.may(permission):
            raise ApiError("Forbidden", f"Permission '{permission}' denied for {user.name}.")
        if not prefix:
            return request
        if not request.path.startswith(f"{prefix}/"):
            raise ApiError("NotFound", f"{request.path} is no path of Connect gateway")
        return request.clone(rel_url=URL(request.raw_path.removeprefix(prefix), encoded=True))

    async def _get(self, request: web.Request, target: Target) -> web.StreamResponse:
        obj = self._store.get(target.resource.name, target.namespace, target.name)
        if target.subresource == "log":
            return await logs.stream(request, self._store, obj, self._state / "logs")
        return _answer(request, target, obj)

    async def _list(self, request: web.Request, target: Target) -> web.StreamResponse:
        found = self._store.list(target.resource.name, target.namespace, _selector(request, target))
        if _wants_table(request):
            return web.json_response(tables.table(target.resource, found, self._store.version))
        kind, version = f"{target.resource.kind}List", target.resource.api_version
        meta = {"resourceVersion": self._store.version}
        return web.json_response({"kind": kind, "apiVersion": version, "metadata": meta, "items": found})

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        def render(obj: Object, first: bool) -> Object:
            if not _wants_table(request):
                return obj
            return tables.table(target.resource, [obj], obj["metadata"]["resourceVersion"], columns=first)

        return await watches.stream(request, self._store, target, matches=_selector(request, target), render=render)

    async def _create(self, request: web.Request, target: Target) -> web.StreamResponse:
        if target.subresource == "eviction":
            return web.json_response(evict(self._written(request), target, await _json(request)), status=201)
        obj = decode(target.resource, await _json(request))
        meta = obj["metadata"]
        if target.resource.namespaced:
            if meta.setdefault("namespace", target.namespace) != target.namespace:
                raise ApiError(
                    "BadRequest",
                    f"the namespace of the provided object does not match the namespace sent on the request "
                    f"({meta['namespace']} != {target.namespace})",
                )
            self._store.get("namespaces", "", target.namespace)
        admit_new(target.resource, obj)
        return _answer(request, target, self._written(request).create(target.resource.name, obj), status=201)

    async def _patch(self, request: web.Request, target: Target) -> web.StreamResponse:
        patch = await _json(request)
        old = self._store.get(target.resource.name, target.namespace, target.name)
        obj = patches.apply(request.content_type, old, patch)
        if target.subresource == "status":
            obj = {**old, "status": obj["status"]}
        else:
            obj = decode(target.resource, obj)
            admit_update(target.resource, old, obj)
        return _answer(request, target, self._written(request).update(target.resource.name, obj))

    async def _delete(self, request: web.Request, target: Target) -> web.StreamResponse:
        options = await _json(request) if request.can_read_body else {}
        response = _answer(request, target, delete_as_asked(self._written(request), target, options))
        if target.resource.kind == "Job" and not options.get("propagationPolicy"):
            response.headers["Warning"] = f'299 - "{ORPHANED}"'
        return response

    def _written(self, request: web.Request) -> Store:
        """Returns the store, or a temporary copy of it for a dry run."""
        return self._store.rehearsal() if "dryRun" in request.query else self._store


def _authorize(user: User, verb: str, target: Target) -> None:
    if user.may(verb):
        return
    resource, name = target.resource, target.name
    asked = f"{resource.plural}/{target.subresource}" if target.subresource else resource.plural
    scope = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    raise ApiError(
        "Forbidden",
        f'{resource.name}{f" {json.dumps(name)}" if name else ""} is forbidden: User "{user.name}" cannot {verb} '
        f'resource "{asked}" in API group "{resource.group}" {scope}: '
        f'requires one of ["container.{resource.plural}.{verb}"] permission(s).',
        **about(resource.name, name),
    )


def _selector(request: web.Request, target: Target) -> Callable[[Object], bool]:
    return selector(target.resource, request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))


def _wants_table(request: web.Request) -> bool:
    return "application/json;as=Table;v=v1;" in request.headers.get("Accept", "").replace(" ", "") + ";"


async def _json(request: web.Request) -> Any:
    """Returns the body of a request, which is JSON if the request has no Content-Type."""
    media = request.content_type if "Content-Type" in request.headers else "application/json"
    if not re.fullmatch(r"application/([\w-]+\+)?json", media):
        raise not_imitated(f"a body of type {media}; kubectl sends JSON for what it reads with --filename")
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise ApiError("BadRequest", f"the body of the request is not JSON: {error}") from None


def _answer(request: web.Request, target: Target, obj: Object, status: int = 200) -> web.Response:
    if _wants_table(request) and obj["kind"] == target.resource.kind:
        obj = tables.table(target.resource, [obj], obj["metadata"]["resourceVersion"])
    return web.json_response(obj, status=status)
