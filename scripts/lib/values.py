"""The values of a template: a JSON object from a file, standard input or the environment."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from render_error import BAD_INPUT, RenderError

Json = Any  # what json.loads makes: None, bool, int, float, str, list, or dict with text as keys

MAX_DEPTH = 100  # far above any manifest, far below where Python stops
NOT_TEXT = re.compile("[\0\ud800-\udfff]")


def read_values(file: str | None, environ: Mapping[str, str]) -> dict[str, Json]:
    """Read the object in `file` (`-`: standard input), else in `$GKE_JOB_VALUES`, else an empty one.

    RenderError when it cannot be read, is not one JSON object, or holds text that no container could receive.
    """
    if file is None:
        source, content = "GKE_JOB_VALUES", environ.get("GKE_JOB_VALUES", "{}").encode(errors="surrogateescape")
    elif file == "-":
        source, content = "standard input", sys.stdin.buffer.read()
    else:
        source, content = file, _read(file)
    try:
        values = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise RenderError(BAD_INPUT, f"values are not JSON, {source}: {error}, give one JSON object") from None
    if not isinstance(values, dict):
        raise RenderError(BAD_INPUT, f"values are not a JSON object, {source}, give {{...}} at the top")
    _check(values, "values", source)
    return values


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise RenderError(BAD_INPUT, f"cannot read the values, {file}: {reason}, name a JSON file") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check(value: Json, path: str, source: str, depth: int = 0) -> None:
    """Refuse what YAML, JSON and the arguments of a process cannot carry all three, and what is nested too deeply."""
    if depth > MAX_DEPTH:
        raise RenderError(BAD_INPUT, f"values are nested more than {MAX_DEPTH} deep, {source}, make them flatter")
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key, f"the key {key!a} of {path}", source)
            _check(item, f"{path}.{key}", source, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]", source, depth + 1)
    elif isinstance(value, str) and (found := NOT_TEXT.search(value)):
        what = "a NUL character" if found[0] == "\0" else "half of a surrogate pair"
        raise RenderError(BAD_INPUT, f"{path} holds {what}, {source}, remove it: no container can receive it")
