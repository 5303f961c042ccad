"""Runs programs, kubectl among them, for the checks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gke_jobs.connection import TIED
from gke_jobs.error_texts import from_kubectl
from gke_jobs.errors import Answer, ApiError
from gke_jobs.json_access import Json, list_at, text_at

Keep = Callable[[dict[str, Json]], Json]
SECONDS = 60.0  # for a program to end
NOT_FOUND = 404
REQUEST_SECONDS = 15  # for the API server to answer


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a program has printed. status: its exit code, None when it could not be run or did not end in time."""

    status: int | None
    stdout: str
    stderr: str


def run(words: Sequence[str], *, stdin: str = "", environ: Mapping[str, str] | None = None) -> Done:
    """Run a program to its end."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", TIED, str(os.getpid()), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # a group of its own, with its credential plugin
        )
    except (OSError, ValueError) as error:
        return Done(status=None, stdout="", stderr=str(error))
    try:
        stdout, stderr = process.communicate(stdin, SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Done(status=None, stdout="", stderr=f"{words[0]} has not ended within {SECONDS:g} s")
    return Done(status=process.returncode, stdout=stdout, stderr=stderr)


def is_absent(error: ApiError) -> bool:
    """Whether there is no such object, or no such kind of object."""
    return error.answer.code == NOT_FOUND


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """kubectl with the options that name context and namespace."""

    words: Sequence[str]

    def get(self, path: str, keep: Keep | None = None) -> Json:
        """Return the JSON at a path of the API. ApiError when there is none.

        keep: returns what stands for an object; called for each as soon as it is parsed, the inner ones first
        """
        return self._json("get", "--raw", path, keep=keep)

    def create(self, path: str, body: Json) -> Json:
        """Return what the API server answers to a POST. ApiError when that is an error."""
        return self._json("create", "--raw", path, "--filename", "-", stdin=json.dumps(body))

    def config(self) -> Json:
        """Return the kubeconfig as far as the context uses it, with its certificates. ApiError when there is none."""
        return self._json("config", "view", "--minify", "--flatten", "--raw", "--output", "json")

    def namespace(self) -> str:
        """Return the namespace of the context; empty where it names none, or there is no context."""
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
