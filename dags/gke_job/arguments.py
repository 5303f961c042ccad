"""Refuses wrong arguments of an operator when the DAG is parsed, not when its task runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args

from gke_job.cluster import GkeCluster

Validate = Literal["offline", "server", "off"]
Logs = Literal["all", "failed", "none"]
OnChange = Literal["fail", "attach", "replace"]
OnKill = Literal["auto", "delete", "keep"]
CHOICES = {"validate": Validate, "logs": Logs, "on_change": OnChange, "on_kill_action": OnKill}


def check_choices(**given: str | None) -> None:
    """Refuses a word that an argument does not know.

    :raises ValueError: names the argument and the words that it knows
    """
    for name, value in given.items():
        known = get_args(CHOICES[name])
        if value is not None and value not in known:
            raise ValueError(f"{name} is {value!r}: it is one of {', '.join(known)}")


def check_sources(template: str | None, manifest: Any, values: Any, cluster: Any) -> None:
    """Refuses what cannot say which Job runs where.

    :raises ValueError: there is neither a template nor a manifest, or values beside a manifest
    :raises TypeError: values or a cluster of another type
    """
    if (template is None) == (manifest is None):
        raise ValueError("give either template, the name of one, or manifest, a Job as a dict")
    if manifest is not None and values:
        raise ValueError("values are given beside manifest, which takes none: write them into it")
    if isinstance(values, (str, int, float, list, tuple, set)):
        raise TypeError(f"values is of type {type(values).__name__}: give a dict")
    if cluster is not None and not isinstance(cluster, (GkeCluster, Mapping)):
        raise TypeError(
            f"cluster is {cluster!r}: give a GkeCluster, e.g. GkeCluster(project=..., location=..., name=...)"
        )


def exit_codes(given: int | Collection[int] | None) -> tuple[int, ...]:
    """Returns the exit codes of `skip_on_exit_code`.

    :raises ValueError: what is no exit code from 1 to 255
    """
    codes = () if given is None else (given,) if isinstance(given, int) else tuple(given)
    for code in codes:
        if type(code) is not int or not 1 <= code <= 255:
            raise ValueError(f"skip_on_exit_code has {code!r}: an exit code is an integer from 1 to 255")
    return codes
