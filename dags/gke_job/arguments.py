"""Refuses wrong arguments of an operator when the DAG is parsed, not when its task runs."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Literal, get_args

import yaml

from . import paths
from .cluster import GkeCluster
from .values import check_numbers

Validate = Literal["offline", "server", "off"]
Logs = Literal["all", "failed", "none"]
OnChange = Literal["fail", "attach", "replace"]
OnKill = Literal["auto", "delete", "keep"]
TIMES = ("timeout", "schedule_timeout", "start_timeout", "unreachable_timeout", "heartbeat", "logging_interval")
LONGEST_SECONDS = 999_999_999  # that an option of the scripts takes
# Where an argument of other operators belongs that is no value.
PLACES = {
    **dict.fromkeys(("project_id", "location", "cluster_name"), "cluster=GkeCluster(...)"),
    **dict.fromkeys(("project", "name", "context"), "cluster=GkeCluster(...)"),
    "startup_timeout_seconds": "start_timeout",
}
CHOICES = {"validate": Validate, "logs": Logs, "on_change": OnChange, "on_kill_action": OnKill}


def check_choices(**given: str | None) -> None:
    """Refuses a word that an argument does not know.

    :raises ValueError: names the argument and the words that it knows
    """
    for name, value in given.items():
        known = get_args(CHOICES[name])
        if value is not None and value not in known:
            raise ValueError(f"{name} is {value!r}: it is one of {', '.join(known)}")


def check_sources(template: str | None, manifest: Any, values: Any, map_values: Any, cluster: Any) -> None:
    """Refuses what cannot say which Job runs where.

    :raises ValueError: there is neither a template nor a manifest, or values beside a manifest; or a number in them
        that JSON lacks
    :raises TypeError: values or a cluster of another type
    """
    if (template is None) == (manifest is None):
        raise ValueError("give either template, the name of one, or manifest, a Job as a dict")
    if manifest is not None and (values or map_values):
        raise ValueError("values are given beside manifest, which takes none: write them into it")
    for name, given in {"values": values, "map_values": map_values}.items():
        if isinstance(given, (str, int, float, list, tuple, set)):
            raise TypeError(f"{name} is of type {type(given).__name__}: give a dict")
        check_numbers(given, name)
    check_numbers(manifest, "manifest")
    if cluster is not None and not isinstance(cluster, (GkeCluster, Mapping)):
        raise TypeError(
            f"cluster is {cluster!r}: give a GkeCluster, e.g. GkeCluster(project=..., location=..., name=...)"
        )


def check_others(operator: type, given: Collection[str]) -> None:
    """Refuses arguments that an operator does not have, and names the value or argument that is meant.

    :param given: the names of those that are for its base classes
    :raises TypeError: names each of them
    """
    unknown = [name for name in given if name not in _arguments(operator)]
    if not unknown:
        return
    values, elsewhere = _values()
    meant = {name: f"values[{name!r}]" for name in values}
    meant |= {name: f"values[{value!r}]" for name, value in elsewhere.items() if value in values}
    meant |= PLACES
    found = [f"{name}: write {meant[name]}" if name in meant else f"{name}: remove it" for name in unknown]
    raise TypeError(f"GkeJobOperator has no such arguments, {'; '.join(found)}")


@cache
def _arguments(operator: type) -> frozenset[str]:
    kinds = [kind for kind in operator.__mro__ if "__init__" in vars(kind)]
    found = [one for kind in kinds for one in inspect.signature(vars(kind)["__init__"]).parameters.values()]
    return frozenset(one.name for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD))


def _values() -> tuple[set[str], dict[str, str]]:
    """Returns the names of the values of the shipped templates, and for the names that others have for them, which."""
    try:
        file = paths.script("render-job").parent.parent / "templates" / "values.yaml"
        tables = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        return set(), {}
    elsewhere, shared = tables.pop("elsewhere"), tables.pop("shared")
    return {*shared, *(name for table in tables.values() for name in table.get("values", {}))}, elsewhere


def check_environment(env: Any, append_env: bool) -> None:
    """Refuses `env` of BashOperator, which takes PATH and HOME from the scripts.

    :raises ValueError: it is given without `append_env`
    """
    if env is not None and not append_env:
        raise ValueError(
            "env is the environment of run-job on the worker, which replaces the worker's: for the container write "
            "values['env'], for run-job add append_env=True"
        )


def check_switches(**given: Any) -> None:
    """Refuses what is neither True nor False.

    :raises TypeError: names the argument
    """
    for name, value in given.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}: give True or False")


def check_submission(
    *, wait_for_completion: bool, do_xcom_push: bool, report: str | None = None, **of_the_result: Any
) -> None:
    """Refuses what a task that only submits its Job has no use for.

    :param of_the_result: arguments that are for who waits; what is false is not given
    :raises ValueError: names the argument
    """
    if wait_for_completion:
        return
    for name, value in of_the_result.items():
        if value:
            raise ValueError(f"{name} has no effect with wait_for_completion=False: give it to GkeJobSensor")
    if report:
        raise ValueError("report has no effect with wait_for_completion=False: run explain-job --report at the end")
    if not do_xcom_push:
        raise ValueError(
            "wait_for_completion=False needs do_xcom_push=True: the XCom `job` names the Job that was submitted"
        )


def check_options(options: Mapping[str, Any], *, has_profile: bool) -> None:
    """Refuses options of run-job that it would refuse.

    :param options: by name, those of CHOICES are checked already
    :raises TypeError: what is neither True nor False
    :raises ValueError: a time of less than a second, a number of logs that is none, or a switch without a profile
    """
    switches = {name: options[name] for name in ("escalate", "fallback")}
    check_switches(**switches)
    for name, is_on in switches.items():
        if is_on and not has_profile:
            raise ValueError(f"{name} needs a profile to begin with: give profile or profile_for")
    for name in TIMES:
        value = options[name]
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if value is not None and not (_is_number(seconds) and 1 <= seconds <= LONGEST_SECONDS):
            raise ValueError(f"{name} is {value!r}: give seconds from 1 to {LONGEST_SECONDS}, or a timedelta")
    logs = options["max_log_streams"]
    if logs is not None and not (type(logs) is int and logs >= 1):
        raise ValueError(f"max_log_streams is {logs!r}: give an integer from 1")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_profile(manifest: Any, profile: Any, profile_for: Any, profiles: Any) -> None:
    """Refuses what cannot choose a profile. Whatever Airflow renders is left to the run of the task.

    :raises ValueError: two that exclude each other
    :raises TypeError: a profile_for that is no dict
    """
    given = {"profile": profile, "profile_for": profile_for, "profiles": profiles}
    fixed = [name for name, value in given.items() if value and not _is_rendered(value)]
    if manifest is not None and fixed:
        raise ValueError(f"{fixed[0]} is given beside manifest, which takes none: write its fields into the manifest")
    if {"profile", "profile_for"} <= {*fixed}:
        raise ValueError("profile and profile_for both choose a profile: give one of them")
    if "profile_for" in fixed:
        size_option(profile_for)


def size_option(profile_for: Any) -> str | None:
    """Returns `profile_for` as run-job has it: `bytes=73000000000`.

    :raises TypeError: it is no dict, or does not have one size
    """
    if not profile_for:
        return None
    if not isinstance(profile_for, Mapping) or len(profile_for) != 1:
        raise TypeError(f"profile_for is {profile_for!r}: give a dict with one size, e.g. {{'bytes': 73_000_000_000}}")
    ((table, amount),) = profile_for.items()
    return f"{table}={amount}"


def _is_rendered(value: Any) -> bool:
    """Whether Airflow may make something else of an argument: Jinja, or an XCom."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    return not isinstance(value, (Mapping, int, float, list))


def exit_codes(given: int | Collection[int] | None) -> tuple[int, ...]:
    """Returns the exit codes of `skip_on_exit_code`.

    :raises ValueError: what is no exit code from 1 to 255
    """
    if isinstance(given, str):
        raise ValueError(f"skip_on_exit_code is {given!r}: give an integer from 1 to 255, or a list of them")
    codes = () if given is None else (given,) if isinstance(given, int) else tuple(given)
    for code in codes:
        if type(code) is not int or not 1 <= code <= 255:
            raise ValueError(f"skip_on_exit_code has {code!r}: an exit code is an integer from 1 to 255")
    return codes
