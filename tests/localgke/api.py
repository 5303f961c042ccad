"""Imitates the Kubernetes API server: who asks, for what, with which verb, and the answer as JSON."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from localgke import logs, patches, resources, tables, watches
from localgke.admission import admit_new, admit_update
from localgke.config import Config, User
from localgke.decoding import decode
from localgke.deletion import delete
from localgke.errors import ApiError, about, not_imitated
from localgke.resources import Target
from localgke.selectors import selector
from localgke.store import Object, Store

Handler = Callable[[web.Request, Target], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 3 * 1024 * 1024
# Parameters of a query that this server understands or may ignore; any other one is refused.
# fieldManager shows only in managedFields, which are not kept; pretty and limit change the form of an answer only.
PARAMETERS = {
    "allowWatchBookmarks",
    "container",
    "continue",
    "dryRun",
    "fieldManager",
    "fieldSelector",
    "fieldValidation",
    "follow",
    "force",
    "gracePeriodSeconds",
    "includeObject",
    "insecureSkipTLSVerifyBackend",
    "labelSelector",
    "limit",
    "limitBytes",
    "pretty",
    "previous",
    "propagationPolicy",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "sinceSeconds",
    "sinceTime",
    "tailLines",
    "timeout",
    "timeoutSeconds",
    "timestamps",
    "watch",
}


def make_app(store: Store, config: Config, state: Path) -> web.Application:
    """The API server as an aiohttp application; `state` is the directory that holds `logs/`."""
    app = web.Application(middlewares=[_errors], client_max_size=MAX_BODY_BYTES)
    server = _Server(store, config, state)
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
    def __init__(self, store: Store, config: Config, state: Path):
        self._store, self._config, self._state = store, config, state
        self._handlers: dict[str, Handler] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        user = self._user(request)
        answer = self._about_itself(request.path)
        if answer is not None:
            return web.json_response(answer)
        unknown = set(request.query) - PARAMETERS
        if unknown:
            raise not_imitated(f"the query parameter {', '.join(sorted(unknown))}")
        target = resources.target(request.path)
        verb = _verb(request, target)
        self._authorize(user, verb, target)
        if verb not in target.resource.verbs:
            raise not_imitated(f'the verb "{verb}" on {target.resource.name}')
        return await self._handlers[verb](request, target)

    def _user(self, request: web.Request) -> User:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        user = self._config.tokens.get(token)
        if scheme != "Bearer" or user is None:
            raise ApiError("Unauthorized", "Unauthorized")
        return user

    def _about_itself(self, path: str) -> dict[str, Any] | None:
        major, minor = self._config.version.split(".")[:2]
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "/version": lambda: {"major": major, "minor": minor, "gitVersion": f"v{self._config.version}"},
            "/api": resources.api_versions,
            "/apis": resources.api_groups,
            "/api/v1": lambda: resources.resource_list(""),
            "/apis/batch/v1": lambda: resources.resource_list("batch"),
            "/openapi/v3": resources.openapi_index,
            "/openapi/v3/api/v1": lambda: resources.openapi(""),
            "/openapi/v3/apis/batch/v1": lambda: resources.openapi("batch"),
        }
        return answers[path]() if path in answers else None

    def _authorize(self, user: User, verb: str, target: Target) -> None:
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

    async def _get(self, request: web.Request, target: Target) -> web.StreamResponse:
        obj = self._store.get(target.resource.name, target.namespace, target.name)
        if target.subresource == "log":
            return await logs.stream(request, self._store, obj, self._state / "logs")
        return _answer(request, target, obj)

    async def _list(self, request: web.Request, target: Target) -> web.StreamResponse:
        if request.query.get("continue"):
            raise ApiError("Expired", "The provided continue parameter is too old: this server never hands one out")
        matches = _selector(request, target)
        found = self._store.list(target.resource.name, target.namespace, matches)
        include = _table(request)
        if include:
            return web.json_response(tables.table(target.resource, found, self._store.version, include))
        return web.json_response(
            {
                "kind": f"{target.resource.kind}List",
                "apiVersion": target.resource.api_version,
                "metadata": {"resourceVersion": self._store.version},
                "items": found,
            }
        )

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        include = _table(request)

        def render(obj: Object, first: bool) -> Object:
            if not include:
                return obj
            return tables.table(target.resource, [obj], obj["metadata"]["resourceVersion"], include, columns=first)

        return await watches.stream(request, self._store, target, matches=_selector(request, target), render=render)

    async def _create(self, request: web.Request, target: Target) -> web.StreamResponse:
        obj, warnings = decode(target.resource, await _json(request), request.query.get("fieldValidation", "Warn"))
        meta = obj.setdefault("metadata", {})
        if target.resource.namespaced:
            if meta.setdefault("namespace", target.namespace) != target.namespace:
                raise ApiError(
                    "BadRequest",
                    f"the namespace of the provided object does not match the namespace sent on the request "
                    f"({meta['namespace']} != {target.namespace})",
                )
            self._store.get("namespaces", "", target.namespace)
        admit_new(target.resource, obj)
        created = self._store_for(request).create(target.resource.name, obj)
        return _answer(request, target, created, warnings, status=201)

    async def _update(self, request: web.Request, target: Target) -> web.StreamResponse:
        body = await _json(request)
        old = self._store.get(target.resource.name, target.namespace, target.name)
        return self._replace(request, target, old, body)

    async def _patch(self, request: web.Request, target: Target) -> web.StreamResponse:
        patch = await _json(request)
        old = self._store.get(target.resource.name, target.namespace, target.name)
        return self._replace(request, target, old, patches.apply(request.content_type, old, patch))

    def _replace(self, request: web.Request, target: Target, old: Object, body: Any) -> web.StreamResponse:
        obj, warnings = decode(target.resource, body, request.query.get("fieldValidation", "Warn"))
        if target.subresource == "status":
            obj = {**old, "status": obj.get("status", {})}
        else:
            meta = obj.setdefault("metadata", {})
            meta.setdefault("name", target.name)
            if target.namespace:
                meta["namespace"] = target.namespace
            admit_update(target.resource, old, obj)
        return _answer(request, target, self._store_for(request).update(target.resource.name, obj), warnings)

    async def _delete(self, request: web.Request, target: Target) -> web.StreamResponse:
        options = {**request.query, **(await _json(request) if request.can_read_body else {})}
        store = self._store.rehearsal() if options.get("dryRun") in ("All", ["All"]) else self._store
        answer, warnings = delete(store, target, options)
        return _answer(request, target, answer, warnings)

    def _store_for(self, request: web.Request) -> Store:
        """The store, or a throw-away copy of it for a dry run."""
        return self._store.rehearsal() if request.query.get("dryRun") == "All" else self._store


def _verb(request: web.Request, target: Target) -> str:
    if request.method == "GET":
        if target.name:
            return "get"
        return "watch" if request.query.get("watch") in ("true", "1") else "list"
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    if request.method == "DELETE" and not target.name:
        return "deletecollection"
    if request.method not in verbs or (request.method == "POST") == bool(target.name):
        raise ApiError("MethodNotAllowed", "the server does not allow this method on the requested resource")
    return verbs[request.method]


def _selector(request: web.Request, target: Target) -> Callable[[Object], bool]:
    return selector(target.resource, request.query.get("labelSelector", ""), request.query.get("fieldSelector", ""))


def _table(request: web.Request) -> str:
    """What the rows of a Table shall carry, or "" where the client asks for the objects themselves."""
    accept = request.headers.get("Accept", "*/*")
    for part in accept.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if media == "application/json" and "as=Table" in parameters and "v=v1" in parameters:
            return request.query.get("includeObject", "Metadata")
        plain = not any(parameter.startswith("as=") for parameter in parameters)
        if media in ("application/json", "application/*", "*/*") and plain:
            return ""
    raise ApiError("NotAcceptable", "only the following media types are accepted: application/json")


async def _json(request: web.Request) -> Any:
    """The body of a request; a request that does not name its type means JSON."""
    media = request.content_type if "Content-Type" in request.headers else "application/json"
    if media == "application/apply-patch+yaml":
        raise not_imitated("server-side apply")
    if media == "application/vnd.kubernetes.protobuf":
        raise not_imitated("the protobuf encoding; kubectl sends JSON for what it reads with --filename")
    if not re.fullmatch(r"application/([\w-]+\+)?json", media):
        raise patches.unsupported_media_type("application/json")
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise ApiError("BadRequest", f"the body of the request is not JSON: {error}") from None


def _answer(
    request: web.Request, target: Target, obj: Object, warnings: list[str] | None = None, status: int = 200
) -> web.Response:
    include = _table(request)
    if include and obj["kind"] == target.resource.kind:
        obj = tables.table(target.resource, [obj], obj["metadata"]["resourceVersion"], include)
    response = web.json_response(obj, status=status)
    for text in warnings or ():
        response.headers.add("Warning", f"299 - {json.dumps(text)}")
    return response
