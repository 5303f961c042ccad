"""Runs kubectl for the checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gke_jobs.error_texts import from_kubectl
from gke_jobs.errors import Answer, ApiError
from gke_jobs.json_access import Json, list_at, text_at
from gke_jobs.programs import run

Keep = Callable[[dict[str, Json]], Json]
NOT_FOUND = 404
REQUEST_SECONDS = 15  # for the API server to answer


def is_absent(error: ApiError) -> bool:
    """Whether the object, or its kind, does not exist."""
    return error.answer.code == NOT_FOUND


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """kubectl with the options that name context and namespace."""

    words: Sequence[str]

    def get(self, path: str, keep: Keep | None = None) -> Json:
        """Return the JSON at a path of the API. ApiError if it cannot be read.

        keep: returns the replacement of an object; called for each as soon as it is parsed, inner ones first
        """
        return self._json("get", "--raw", path, keep=keep)

    def create(self, path: str, body: Json) -> Json:
        """Return the answer of the API server to a POST. ApiError if it is an error."""
        return self._json("create", "--raw", path, "--filename", "-", stdin=json.dumps(body))

    def config(self) -> Json:
        """Return the part of the kubeconfig that the context uses, with its certificates. ApiError if there is none."""
        return self._json("config", "view", "--minify", "--flatten", "--raw", "--output", "json")

    def namespace(self) -> str:
        """Return the namespace of the context; empty if it names none, or there is no context."""
        try:
            contexts = list_at(self.config(), "contexts")
        except ApiError:
            return ""
        return text_at(next(iter(contexts), None), "context", "namespace")

    def _json(self, *words: str, stdin: str = "", keep: Keep | None = None) -> Json:
        done = run([*self.words, f"--request-timeout={REQUEST_SECONDS}s", *words], stdin=stdin)
        if done.status != 0:
            raise ApiError(from_kubectl(done.stderr))
        try:
            return json.loads(done.stdout, object_hook=keep)
        except (ValueError, RecursionError):
            raise ApiError(Answer(code=None, reason="", message="the answer is not JSON")) from None
