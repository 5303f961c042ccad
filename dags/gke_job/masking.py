"""Masks the values of sensitive names in the log. Airflow's configuration lists these names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .compat import mask_secret, redact

# Values whose names contain a sensitive name. They hold names of Kubernetes objects, which are no secrets and which
# occur in the log.
NAMES_OF_OBJECTS = ("service_account", "image_pull_secrets", "secret_files")
PROBE = "a text"


def mask(values: dict[str, Any]) -> None:
    """Masks the strings under sensitive names in the values of a template.

    Each string is passed to Airflow separately. With all values, Airflow warns of short strings that are no secrets.
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
