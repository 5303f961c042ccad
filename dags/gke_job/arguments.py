"""Checks the arguments of an operator when the DAG is parsed, before its task runs."""

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
LONGEST_SECONDS = 999_999_999  # the longest time that an option of the scripts accepts
# Arguments of other operators that are not values of a template, and what to write for them.
REPLACEMENTS = {
    **dict.fromkeys(("project_id", "location", "cluster_name"), "cluster=GkeCluster(...)"),
    **dict.fromkeys(("project", "name", "context"), "cluster=GkeCluster(...)"),
    "startup_timeout_seconds": "start_timeout",
}
CHOICES = {"validate": Validate, "logs": Logs, "on_change": OnChange, "on_kill_action": OnKill}


def check_choices(**given: str | None) -> None:
    """Checks that each argument has one of its choices; None is accepted.

    :raises ValueError: names the argument and its choices
    """
    for name, value in given.items():
        known = get_args(CHOICES[name])
        if value is not None and value not in known:
            raise ValueError(f"{name} is {value!r}: it must be one of {', '.join(known)}")


def check_manifest_source(template: str | None, manifest: Any, values: Any, map_values: Any, cluster: Any) -> None:
    """Checks that either a template or a manifest is given, and the types of values and cluster.

    :raises ValueError: neither a template nor a manifest is given, or both; values are given with a manifest; or a
        number in the values or the manifest has no representation in JSON
    :raises TypeError: values or cluster have a wrong type
    """
    if (template is None) == (manifest is None):
        raise ValueError("give either template, the name of one, or manifest, a Job as a dict")
    if manifest is not None and (values or map_values):
        raise ValueError("manifest takes no values: write them into the manifest")
    for name, given in {"values": values, "map_values": map_values}.items():
        if isinstance(given, (str, int, float, list, tuple, set)):
            raise TypeError(f"{name} is of type {type(given).__name__}: give a dict")
        check_numbers(given, name)
    check_numbers(manifest, "manifest")
    if cluster is not None and not isinstance(cluster, (GkeCluster, Mapping)):
        raise TypeError(
            f"cluster is {cluster!r}: give a GkeCluster, e.g. GkeCluster(project=..., location=..., name=...)"
        )


def check_unknown_arguments(operator: type, given: Collection[str]) -> None:
    """Refuses arguments that an operator does not have; the error suggests the right value or argument for each.

    :param given: the names of the arguments for the base classes
    :raises TypeError: names each unknown argument
    """
    unknown = [name for name in given if name not in _arguments(operator)]
    if not unknown:
        return
    values, elsewhere = _values()
    meant = {name: f"values[{name!r}]" for name in values}
    meant |= {name: f"values[{value!r}]" for name, value in elsewhere.items() if value in values}
    meant |= REPLACEMENTS
    found = [f"{name}: write {meant[name]}" if name in meant else f"{name}: remove it" for name in unknown]
    raise TypeError(f"GkeJobOperator got unknown arguments: {'; '.join(found)}")


@cache
def _arguments(operator: type) -> frozenset[str]:
    kinds = [kind for kind in operator.__mro__ if "__init__" in vars(kind)]
    found = [one for kind in kinds for one in inspect.signature(vars(kind)["__init__"]).parameters.values()]
    return frozenset(one.name for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD))


def _values() -> tuple[set[str], dict[str, str]]:
    """Returns the names of the values of the shipped templates, and the value for each name that other tools use."""
    try:
        file = paths.script("render-job").parent.parent / "templates" / "values.yaml"
        tables = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        return set(), {}
    elsewhere, shared = tables.pop("elsewhere"), tables.pop("shared")
    return {*shared, *(name for table in tables.values() for name in table.get("values", {}))}, elsewhere


def check_environment(env: Any, append_env: bool) -> None:
    """Refuses `env` of BashOperator without `append_env`: the scripts need PATH and HOME of the worker.

    :raises ValueError: `env` is given without `append_env`
    """
    if env is not None and not append_env:
        raise ValueError(
            "env replaces the environment of run-job on the worker: for the container write "
            "values['env'], for run-job add append_env=True"
        )


def check_switches(**given: Any) -> None:
    """Checks that each argument is True or False.

    :raises TypeError: names the argument that is not
    """
    for name, value in given.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} is {value!r}: give True or False")


def check_submit_only(
    *, wait_for_completion: bool, do_xcom_push: bool, report: str | None, **result_arguments: Any
) -> None:
    """Refuses arguments that have no effect in a task that only submits its Job.

    :param result_arguments: arguments for a task that waits for its Job; a false one counts as not given
    :raises ValueError: names the argument
    """
    if wait_for_completion:
        return
    for name, value in result_arguments.items():
        if value:
            raise ValueError(f"{name} has no effect with wait_for_completion=False: give it to GkeJobSensor")
    if report:
        raise ValueError("report has no effect with wait_for_completion=False: run explain-job --report at the end")
    if not do_xcom_push:
        raise ValueError(
            "wait_for_completion=False needs do_xcom_push=True: the XCom `job` names the Job that was submitted"
        )


def check_options(options: Mapping[str, Any], *, has_profile: bool) -> None:
    """Checks options of run-job as run-job does.

    :param options: by name; those of CHOICES are already checked
    :raises TypeError: a switch is neither True nor False
    :raises ValueError: a time is less than a second or too long, `max_log_streams` is not a positive integer, or
        `escalate` or `fallback` is given without a profile
    """
    switches = {name: options[name] for name in ("escalate", "fallback")}
    check_switches(**switches)
    for name, is_on in switches.items():
        if is_on and not has_profile:
            raise ValueError(f"{name} requires a profile: give profile or profile_for")
    for name in TIMES:
        value = options[name]
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if value is not None and not (_is_number(seconds) and 1 <= seconds <= LONGEST_SECONDS):
            raise ValueError(f"{name} is {value!r}: give seconds from 1 to {LONGEST_SECONDS}, or a timedelta")
    logs = options["max_log_streams"]
    if logs is not None and not (type(logs) is int and logs >= 1):
        raise ValueError(f"max_log_streams is {logs!r}: give an integer of at least 1")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_profile(manifest: Any, profile: Any, profile_for: Any, profiles: Any) -> None:
    """Checks that at most one argument chooses the profile. Arguments that Airflow renders are not checked.

    :raises ValueError: two arguments exclude each other
    :raises TypeError: profile_for is not a dict
    """
    given = {"profile": profile, "profile_for": profile_for, "profiles": profiles}
    fixed = [name for name, value in given.items() if value and not _is_rendered(value)]
    if manifest is not None and fixed:
        raise ValueError(f"manifest takes no {fixed[0]}: write its fields into the manifest")
    if {"profile", "profile_for"} <= {*fixed}:
        raise ValueError("profile and profile_for both choose a profile: give one of them")
    if "profile_for" in fixed:
        profile_for_option(profile_for)


def profile_for_option(profile_for: Any) -> str | None:
    """Returns `profile_for` as the option of run-job: `bytes=73000000000`.

    :raises TypeError: it is not a dict, or does not have exactly one size
    """
    if not profile_for:
        return None
    if not isinstance(profile_for, Mapping) or len(profile_for) != 1:
        raise TypeError(f"profile_for is {profile_for!r}: give a dict with one size, e.g. {{'bytes': 73_000_000_000}}")
    ((table, amount),) = profile_for.items()
    return f"{table}={amount}"


def _is_rendered(value: Any) -> bool:
    """Returns whether Airflow may replace an argument when the task runs: it has Jinja, or is an XCom."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    return not isinstance(value, (Mapping, int, float, list))


def exit_codes(given: int | Collection[int] | None) -> tuple[int, ...]:
    """Returns the exit codes of `skip_on_exit_code`.

    :raises ValueError: one of them is not an integer from 1 to 255
    """
    if isinstance(given, str):
        raise ValueError(f"skip_on_exit_code is {given!r}: give an integer from 1 to 255, or a list of them")
    codes = () if given is None else (given,) if isinstance(given, int) else tuple(given)
    for code in codes:
        if type(code) is not int or not 1 <= code <= 255:
            raise ValueError(f"skip_on_exit_code has {code!r}: an exit code is an integer from 1 to 255")
    return codes
