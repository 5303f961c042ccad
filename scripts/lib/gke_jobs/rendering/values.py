"""The values of a template: a JSON object from a file, standard input or the environment."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gke_jobs.plain_text import one_line
from gke_jobs.rendering.render_error import BAD_INPUT, USAGE, RenderError

Json = Any  # what json.loads returns: None, bool, int, float, str, list, or dict with text as keys

MAX_DEPTH = 100  # far above any manifest, far below the recursion limit of Python
NOT_TEXT = re.compile("[\0\ud800-\udfff]")

DOT = re.compile(r"(?<!\\)\.")  # between the keys of a --set

SCHEMA = "$schema"  # names the schema of a JSON file, for editors

MASK = "***"
# Parts of the names under which Airflow 3.3 hides a value (shared/secrets_masker, DEFAULT_SENSITIVE_FIELDS).
SENSITIVE = re.compile(
    "access_key|access_token|api_?key|auth_header|authorization|bearer|connection_string|dsn|passphrase|passwd|password|"
    "private_key|proxy|proxies|secret|service_account|service_key|token|keyfile_dict|webhook_url"
)


def read_values(file: str | None, environ: Mapping[str, str], settings: Sequence[str] = ()) -> dict[str, Json]:
    r"""Read the object in `file` (`-`: standard input), else in `$GKE_JOB_VALUES`, else an empty one.

    `settings` override it: PATH=TEXT or PATH:=JSON. A PATH consists of names and list positions, separated by dots;
    a dot in a name is written `\.`.
    A `$schema` at the top is left out.
    RenderError if it cannot be read, is not one JSON object, or has text that no container could receive.
    """
    if file is None:
        source, content = "GKE_JOB_VALUES", environ.get("GKE_JOB_VALUES", "{}").encode(errors="surrogateescape")
    elif file == "-":
        source, content = "standard input", sys.stdin.buffer.read()
    else:
        source, content = file, _read(file)
    try:
        read = load_json(content)
    except (ValueError, RecursionError) as error:
        fix = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else "correct it"
        raise RenderError(BAD_INPUT, f"values are not JSON: {error}", where=source, fix=fix) from None
    if not isinstance(read, dict):
        raise RenderError(BAD_INPUT, "values are not a JSON object", where=source, fix="give {...} at the top")
    values: dict[str, Json] = read
    for setting in settings:
        values = _apply_setting(values, setting)
    check_json(values, "values", f"{source} or --set" if settings else source)
    return {name: value for name, value in values.items() if name != SCHEMA}


def mask(value: Json, key: str = "") -> Json:
    """Return a copy of `value` for users: a value whose name suggests a secret becomes `***`.

    The names are those of Airflow; in a list of variables, such as `env` of a container, `name` has the name.
    """
    if value is not None and SENSITIVE.search(re.sub(r"\W+", "_", key.strip().lower())):
        return MASK
    if isinstance(value, dict):
        variable = str(value.get("name", ""))
        return {key: mask(item, variable if key == "value" else key) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item) for item in value]
    return value


def load_json(text: str | bytes) -> Json:
    """Read JSON; ValueError if it is invalid or has a duplicate key in an object, RecursionError if it is too deep."""
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {one_line(twice)[:50]!r} occurs twice in one object")
    return found


def _apply_setting(values: dict[str, Json], setting: str) -> dict[str, Json]:
    """Return `values` with one setting applied. Its value may be a secret, so no error shows it."""
    path, equals, content = setting.partition("=")
    is_json, path = path.endswith(":"), path.removesuffix(":")
    keys = [key.replace("\\.", ".") for key in DOT.split(path)]
    if not equals or not all(keys):
        given = f"{path}{':' * is_json}{'=...' if equals else ''}"
        raise RenderError(USAGE, f"--set is {given!r}, not PATH=TEXT or PATH:=JSON", fix="write e.g. image=busybox")
    try:
        value = load_json(content) if is_json else content
    except (ValueError, RecursionError) as error:
        fix = f"write {path}=TEXT for text, or quote the JSON for the shell, as '{path}:=[\"a\", 1]'"
        raise RenderError(BAD_INPUT, f"value of --set {path}:= is not JSON: {error}", fix=fix) from None
    try:
        return dict(_set_path(values, keys, value, f"--set {path}"))
    except (ValueError, RecursionError):  # an index of 5000 digits, or 1000 keys
        raise RenderError(BAD_INPUT, "the path is too long", where=f"--set {path}", fix="use a shorter one") from None


def _set_path(target: Json, keys: list[str], value: Json, where: str) -> Json:
    """Return `target` with `value` at the path of `keys`; missing objects on the path are created."""
    if not keys:
        return value
    first, *rest = keys
    if target is None and first.isdecimal() and int(first) > 0:
        fix = f"use index 0, or := for a mapping with the key {first}"
        raise RenderError(BAD_INPUT, "a new list begins at index 0", where=where, fix=fix)
    if target is None:
        target = [] if first == "0" else {}
    if isinstance(target, dict):
        return target | {first: _set_path(target.get(first), rest, value, where)}
    if not isinstance(target, list):
        fix = f"set {first} or its parent, not both, or write a dot of a key as \\."
        raise RenderError(BAD_INPUT, f"the parent of {first} is neither a mapping nor a list", where=where, fix=fix)
    if first.isdecimal() and int(first) <= len(target):
        position = int(first)
        return [
            *target[:position],
            _set_path(next(iter(target[position:]), None), rest, value, where),
            *target[position + 1 :],
        ]
    fix = f"use an index from 0 to {len(target)}"
    raise RenderError(BAD_INPUT, f"the list has no index {first}", where=where, fix=fix)


def without_null(value: Json) -> Json:
    """Return a copy without null values, as Kubernetes reads it."""
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    return [without_null(item) for item in value] if isinstance(value, list) else value


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise RenderError(BAD_INPUT, f"cannot read the values: {reason}", where=file, fix="name a JSON file") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def check_json(value: Json, path: str, source: str, depth: int = 0) -> None:
    """Refuse values that YAML, JSON or the arguments of a process cannot represent, or that are nested too deeply."""
    if depth > MAX_DEPTH:
        whole = re.split(r"[.\[]", path)[0]
        what = f"more than {MAX_DEPTH} levels of nesting in the {whole}"
        raise RenderError(BAD_INPUT, what, where=source, fix="use fewer levels")
    if isinstance(value, dict):
        for key, item in value.items():
            check_json(key, f"the key {key!a} of {path}", source)
            check_json(item, f"{path}.{key}", source, depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            check_json(item, f"{path}[{index}]", source, depth + 1)
    elif isinstance(value, str) and (found := NOT_TEXT.search(value)):
        character = "a NUL character" if found[0] == "\0" else "half of a surrogate pair"
        what = f"{path} contains {character}"
        raise RenderError(BAD_INPUT, what, where=source, fix="remove it: no container can receive it")
