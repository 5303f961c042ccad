"""Reads and checks cluster.yaml: what the imitated cluster is called, who may do what, its node pools and images.

A wrong file is refused with one line that names the file, the key and what is expected of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

DEFAULT = Path(__file__).parent / "cluster.yaml"
TAINT = re.compile(r"(?P<key>[\w./-]+)=(?P<value>[\w.-]*):(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")
T = TypeVar("T")


class ConfigError(Exception):
    """The file says something that cannot be; the message is one line."""


@dataclass(frozen=True)
class User:
    """Who a bearer token stands for. `verbs`: Kubernetes verbs, `container.clusters.get` and `.list`, `*` for all."""

    name: str
    verbs: frozenset[str]

    def may(self, verb: str) -> bool:
        """Whether the user may use `verb`, on any resource of any namespace."""
        return "*" in self.verbs or verb in self.verbs


@dataclass(frozen=True)
class NodePool:
    """A GKE node pool. `taints` as in a Node's spec; `allocatable` of one node, as Kubernetes quantities."""

    name: str
    labels: dict[str, str]
    taints: list[dict[str, str]]
    size: int
    max_size: int
    scale_up_seconds: float
    allocatable: dict[str, str]
    spot: bool


@dataclass(frozen=True)
class Image:
    """A container image: host directories under the mount points where a container of it finds them."""

    name: str
    mounts: dict[str, Path]


@dataclass(frozen=True)
class Settings:
    """The first delay, in seconds, of each backoff; a real cluster has 10 for all of them."""

    backoff_seconds: float
    image_pull_backoff_seconds: float
    restart_backoff_seconds: float


@dataclass(frozen=True)
class Config:
    """One cluster, as cluster.yaml describes it. `broken_images`: image -> what the registry says on a pull."""

    project: str
    location: str
    name: str
    version: str
    tokens: dict[str, User]
    namespaces: list[str]
    settings: Settings
    node_pools: list[NodePool]
    images: dict[str, Image]
    broken_images: dict[str, str]


class _Section:
    """A mapping of the file that knows where it stands; reading takes keys out, what is left over is unknown."""

    def __init__(self, file: Path, path: str, value: object):
        self._file, self._path = file, path
        if not isinstance(value, dict):
            raise ConfigError(f"{file}: {path or 'the file'} must be a mapping")
        self._values = {str(key): item for key, item in value.items()}

    def error(self, key: str, expected: str) -> ConfigError:
        return ConfigError(f"{self._file}: {self._at(key)} {expected}")

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        value = self._values.pop(key, default)
        if value is None:
            raise self.error(key, "is missing")
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self.error(key, f"must be {_KINDS[kind]}, not {value!r}")
        if isinstance(value, (int, float)) and value < 0:
            raise self.error(key, f"must not be negative, not {value!r}")
        return value

    def texts(self, key: str, default: list[str] | None = None) -> list[str]:
        values = self.take(key, list, default)
        if not all(isinstance(value, str) for value in values):
            raise self.error(key, "must be a list of texts")
        return values

    def pairs(self, key: str) -> dict[str, str]:
        section = self.section(key, {})
        return {name: section.take(name, str) for name in section}

    def section(self, key: str, default: dict[str, Any] | None = None) -> _Section:
        return _Section(self._file, self._at(key), self.take(key, dict, default))

    def sections(self, key: str) -> list[_Section]:
        return [_Section(self._file, f"{self._at(key)}[{i}]", value) for i, value in enumerate(self.take(key, list))]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    def end(self) -> None:
        for key in self._values:
            raise self.error(key, "is not a key of this file")

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


_KINDS: dict[type, str] = {
    str: "a text (in quotes?)",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}


def load(path: Path = DEFAULT) -> Config:
    """Reads a cluster file. Raises ConfigError: no such file, no YAML, a wrong, missing or unknown key."""
    try:
        top = _Section(path, "", yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    config = Config(
        project=top.take("project", str),
        location=top.take("location", str),
        name=top.take("name", str),
        version=top.take("version", str),
        tokens=_users(top.section("tokens")),
        namespaces=top.texts("namespaces"),
        settings=_settings(top.section("settings")),
        node_pools=[_node_pool(section) for section in top.sections("nodePools")],
        images=_images(top.section("images"), path.parent),
        broken_images=top.pairs("brokenImages"),
    )
    top.end()
    if not config.tokens:
        raise top.error("tokens", "must name at least one token")
    return config


def _users(tokens: _Section) -> dict[str, User]:
    users = {}
    for token in tokens:
        section = tokens.section(token)
        users[token] = User(section.take("user", str), frozenset(section.texts("verbs")))
        section.end()
    return users


def _settings(section: _Section) -> Settings:
    settings = Settings(
        backoff_seconds=section.take("backoffSeconds", float),
        image_pull_backoff_seconds=section.take("imagePullBackoffSeconds", float),
        restart_backoff_seconds=section.take("restartBackoffSeconds", float),
    )
    section.end()
    return settings


def _node_pool(section: _Section) -> NodePool:
    size = section.take("size", int)
    taints = [TAINT.fullmatch(text) for text in section.texts("taints", [])]
    if not all(taints):
        raise section.error("taints", "must be a list of key=value:Effect")
    pool = NodePool(
        name=section.take("name", str),
        labels=section.pairs("labels"),
        taints=[taint.groupdict() for taint in taints if taint],
        size=size,
        max_size=section.take("maxSize", int, size),
        scale_up_seconds=section.take("scaleUpSeconds", float, 1.0),
        allocatable=section.pairs("allocatable"),
        spot=section.take("spot", bool, False),
    )
    section.end()
    if pool.max_size < pool.size:
        raise section.error("maxSize", f"must be at least size, {pool.size}")
    return pool


def _images(images: _Section, directory: Path) -> dict[str, Image]:
    found = {}
    for name in images:
        mounts = images.pairs(name)
        found[name] = Image(name, {point: (directory / path).resolve() for point, path in mounts.items()})
        if not all(point.startswith("/") for point in mounts):
            raise images.error(name, "must map absolute mount points to directories")
    return found
