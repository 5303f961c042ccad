"""The finding of one check, and the output of all findings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from gke_jobs.json_access import Json
from gke_jobs.plain_text import one_line

KUBECTL = re.compile(r"\bkubectl (?:apply|create|describe|edit|get|label) ")
OK, WARNING, FAILED = "ok", "warning", "failed"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """check: its name; state: OK, WARNING or FAILED; found: the facts; fix: what to do, with a command."""

    check: str
    state: str
    found: str
    fix: str = ""

    def __post_init__(self) -> None:
        """Sanitize the texts, because they quote the cluster."""
        for field in ("found", "fix"):
            object.__setattr__(self, field, one_line(getattr(self, field)))


def ok(check: str, found: str) -> Finding:
    """Return the finding of a check that passed."""
    return Finding(check=check, state=OK, found=found)


def warning(check: str, found: str, fix: str) -> Finding:
    """Return a finding that may need attention, or could not be checked."""
    return Finding(check=check, state=WARNING, found=found, fix=fix)


def failed(check: str, found: str, fix: str) -> Finding:
    """Return a finding that prevents Jobs from running."""
    return Finding(check=check, state=FAILED, found=found, fix=fix)


def lines(finding: Finding) -> list[str]:
    """Return the finding as lines of text, with the fix below."""
    fix = [f"{'':<19} fix: {finding.fix}"] if finding.fix else []
    return [f"{finding.state:<8} {finding.check:<10} {finding.found}", *fix]


def to_json(findings: Iterable[Finding]) -> list[Json]:
    """Return the findings as objects with check, state, found and fix, each a text."""
    return [asdict(finding) for finding in findings]


def has_kubectl_fix(findings: Iterable[Finding]) -> bool:
    """Whether a fix is a command of kubectl, which goes to the cluster of kubectl's current context."""
    return any(KUBECTL.search(finding.fix) for finding in findings)


def summary(findings: Iterable[Finding]) -> str:
    """Return the number of findings of each state, and the names of the failed checks."""
    findings = [*findings]
    states = [finding.state for finding in findings]
    names = dict.fromkeys(finding.check for finding in findings if finding.state == FAILED)
    which = f": {', '.join(names)}" if names else ""
    return f"{states.count(OK)} ok, {states.count(WARNING)} warnings, {states.count(FAILED)} failed{which}"
