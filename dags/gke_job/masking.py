"""Keeps out of the log what a sensitive name holds, by Airflow's list of such names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .compat import mask_secret, redact

# Values that a name of Airflow's list is part of; what they hold is no secret, and often a word of the log.
NAMES_OF_OBJECTS = ("service_account", "image_pull_secrets", "secret_files")
PROBE = "a text"


def mask(values: dict[str, Any]) -> None:
    """Has Airflow mask the texts of a template's values that stand under a sensitive name.

    Each alone: given all values, Airflow warns of any short text among them, which is no secret.
    """
    for name, text in _secrets({name: value for name, value in values.items() if name not in NAMES_OF_OBJECTS}):
        mask_secret(text, name)


def _secrets(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item, name)
    elif isinstance(value, str) and name and redact(PROBE, name) != PROBE:
        yield name, value
