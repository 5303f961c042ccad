"""Helpers of the tests of GkeJobOperator with a recorder in place of run-job."""

from __future__ import annotations


class Instance:
    map_index = -1
    try_number = 1
    max_tries = 0
    job_id = None

    def xcom_push(self, key, value):
        raise AssertionError(f"{key} is pushed outside of a run")


CONTEXT = {"ti": Instance()}


def options(call: dict) -> dict[str, str]:
    """The options of a call by name, without --values."""
    names, given = call["arguments"][::2], call["arguments"][1::2]
    return {name: value for name, value in zip(names, given, strict=True) if name != "--values"}
