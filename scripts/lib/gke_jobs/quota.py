"""Reads the message of a ResourceQuota that refuses a Pod."""

from __future__ import annotations

import re

from gke_jobs.quantities import quantity

QUOTA = re.compile(r"exceeded quota: (\S+), requested: (.*), used: (.*), limited: (.*)")


def quota_advice(words: str) -> str:
    """Return the advice for a quota that is smaller than one Pod, '' for any other refusal."""
    match = QUOTA.search(words)
    if not match:
        return ""
    name, requested, _, limited = match.groups()
    most = _amounts(limited)
    for resource, amount in _amounts(requested).items():
        wanted, limit = quantity(amount), quantity(most.get(resource, ""))
        if wanted is not None and limit is not None and wanted > limit:
            return (
                f"the ResourceQuota {name} is smaller than one Pod ({resource}: {amount} requested, "
                f"{most[resource]} allowed), so waiting does not help: request less (`resources`), or have it raised"
            )
    return ""


def _amounts(words: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in words.split(",") if "=" in part)
