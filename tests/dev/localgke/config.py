"""Reads and checks cluster.yaml: names, users and permissions, node pools and images of the imitated cluster.

The error for a wrong file is one line with the file, the key and the expected value.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

DEFAULT = Path(__file__).parent / "cluster.yaml"


class ConfigError(Exception):
    """The file is invalid; the message is one line."""


@dataclass(frozen=True)
class User:
    """The user of a bearer token. `verbs`: Kubernetes verbs, permissions of IAM, `*` for all."""

    name: str
    verbs: list[str]

    def may(self, verb: str) -> bool:
        """Returns whether the user may use `verb`, on any resource of any namespace."""
        return "*" in self.verbs or verb in self.verbs


@dataclass(frozen=True)
class NodePool:
    """A GKE node pool. `taints` as in a Node's spec; `allocatable` of one node, as Kubernetes quantities.

    `scale_down_seconds`: until an empty node is removed; `out_of_resources`: its zone has no machines.
    """

    name: str
    size: int
    max_size: int
    allocatable: dict[str, str]
    scale_up_seconds: float = 1.0
    scale_down_seconds: float = math.inf
    out_of_resources: bool = False
    spot: bool = False
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    taints: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        if self.max_size < self.size:
            raise ConfigError(f"maxSize of the node pool {self.name} must be at least its size, {self.size}")
        if any(taint.keys() != {"key", "value", "effect"} for taint in self.taints):
            raise ConfigError(f"taints of the node pool {self.name} must have key, value and effect")


@dataclass(frozen=True)
class Image:
    """A container image: host directories by their mount points in a container."""

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
    """The content of cluster.yaml.

    `broken_images`: image -> error of the registry on a pull; `buckets`: of Cloud Storage, empty at first;
    `private_clusters`, `dns_clusters`: names of the same cluster with other endpoints; `membership`: its name in a
    fleet; `token_seconds`: lifetime of an issued token.
    """

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
    buckets: list[str] = dataclasses.field(default_factory=list)
    private_clusters: list[str] = dataclasses.field(default_factory=list)
    dns_clusters: list[str] = dataclasses.field(default_factory=list)
    membership: str = ""
    token_seconds: int = 3600

    def user(self, authorization: str) -> User | None:
        """Returns the user of an Authorization header, None for an unknown token."""
        scheme, _, token = authorization.partition(" ")
        return self.tokens.get(token) if scheme == "Bearer" else None


KINDS: dict[type, str] = {
    str: "a text (in quotes?)",
    int: "a whole number of at least 0",
    float: "a number of at least 0",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}


def load(path: Path = DEFAULT) -> Config:
    """Reads a cluster file. Raises ConfigError for a missing file, invalid YAML, or a wrong, missing or unknown key."""
    try:
        config: Config = _build(Config, yaml.safe_load(path.read_text()), "")
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not config.tokens:
        raise ConfigError(f"{path}: tokens must name at least one token")
    images = {
        name: Image(name, {point: (path.parent / directory).resolve() for point, directory in image.mounts.items()})
        for name, image in config.images.items()
    }
    return dataclasses.replace(config, images=images)


def _build(kind: Any, value: Any, where: str) -> Any:
    """Converts the value at `where` in the file to the type `kind`, a class of this module or a type of its fields."""
    outer: Any = dict if dataclasses.is_dataclass(kind) else get_origin(kind) or kind
    if outer is float and type(value) is int:
        value = float(value)
    if type(value) is not outer or (outer in (int, float) and value < 0):
        raise ConfigError(f"{where or 'the file'} must be {KINDS[outer]}, not {value!r}")
    if kind is Image:
        return Image("", _build(dict[str, str], value, where))
    if outer is list:
        return [_build(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if outer is not dict:
        return value
    places = {key: f"{where}.{key}".lstrip(".") for key in value}
    if not dataclasses.is_dataclass(kind):
        return {str(key): _build(get_args(kind)[1], item, places[key]) for key, item in value.items()}
    make: Any = kind
    types = get_type_hints(kind)
    fields = {_camel_case(field.name): field for field in dataclasses.fields(kind)}
    for key in value:
        if key not in fields:
            raise ConfigError(f"{places[key]} is not a key of this file")
    for key, field in fields.items():
        optional = field.default_factory is not dataclasses.MISSING or field.default is not dataclasses.MISSING
        if key not in value and not optional:
            raise ConfigError(f"{where}.{key} is missing".lstrip("."))
    names = {key: field.name for key, field in fields.items()}
    return make(**{names[key]: _build(types[names[key]], item, places[key]) for key, item in value.items()})


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)
