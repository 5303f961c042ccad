"""Reads and writes the pointer in the bucket, gke_job/__init__.py: the file that names the deployed releases."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

LINE = re.compile(r"^DEPLOYED: .*? = (\{.*\})$", re.MULTILINE)
RELEASE = re.compile(r"v[a-z0-9_]{1,100}_[0-9a-f]{12}")
TIMES = range(1 << 32)  # until the year 2106
EXAMPLE = re.compile(r"[a-z_]{1,100}\.py")


@dataclass(frozen=True)
class Deployed:
    """The content of a pointer.

    releases: the start time of each, in seconds since the epoch, newest first: `gke_job_pointer.py` selects one of them
    retired: the end time of each former release
    examples: the MD5 of each example, in the form of Cloud Storage, by file name
    """

    releases: dict[str, int] = field(default_factory=dict)
    retired: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def current(self) -> str:
        """The newest release; '' if there is none."""
        return next(iter(self.releases), "")

    def with_release(self, name: str, *, now: int, since: int) -> Deployed:
        """Return what is deployed if DAGs take `release` from a time on.

        The others stay as long as one of them is used until then. At least one stays: `gke_job_pointer.py` uses it if
        the new release has not arrived or is damaged.
        """
        releases = {name: since}
        for other, begin in self.releases.items():
            if other != name and min(releases.values()) > now:
                releases[other] = begin
        others = [other for other in self.releases if other != name]
        if len(releases) == 1 and others:
            taken = min(others, key=lambda other: self.releases[other] > now)  # the first that is in use now
            releases[taken] = self.releases[taken]
        ended = {other: now for other in self.releases if other not in releases}
        retired = {other: end for other, end in {**self.retired, **ended}.items() if other not in releases}
        return Deployed(releases, retired, self.examples)


def read_pointer(text: str) -> Deployed:
    """Return the content of a pointer; an empty one for any other file. ValueError if it was edited manually."""
    found = LINE.search(text)
    if not found:
        if "DEPLOYED" in text:
            raise ValueError("the line DEPLOYED has an unexpected format")
        return Deployed()
    try:
        fields: dict[str, Any] = json.loads(found[1])
        deployed = Deployed(**{name: dict(fields[name]) for name in ("releases", "retired", "examples")})
        is_valid = (
            all(RELEASE.fullmatch(name) for name in {**deployed.releases, **deployed.retired})
            and all(
                type(time) is int and time in TIMES
                for time in [*deployed.releases.values(), *deployed.retired.values()]
            )
            and all(EXAMPLE.fullmatch(name) and isinstance(md5, str) for name, md5 in deployed.examples.items())
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not is_valid:
        raise ValueError("a name or a time is invalid")
    return deployed


def write_pointer(template: str, deployed: Deployed) -> str:
    """Return the text of the pointer with this content.

    :param template: the text of `gke_job_pointer.py`
    """
    line = f"DEPLOYED: dict[str, Any] = {json.dumps(asdict(deployed))}"
    return re.sub(r"^DEPLOYED: .*$", lambda _: line, template, count=1, flags=re.MULTILINE)
