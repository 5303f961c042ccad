"""Hostile texts, which a shell, a template, a terminal, Airflow's log view or a parser of lines may interpret.

Each line that imitates a line of the toolkit has the word IMPOSTOR in place of the Job's name or the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

IMPOSTOR = "impostor"
LARGE = "L" * (64 << 10)
TIMES = ("2099-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2099-13-41T25:61:61Z", "1e999", "")
MICRO_TIMES = ("2099-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000000Z", "-")
NUMBERS = ("1e999", "-", "0x10", "08", "null", "NaN", "-1", "99999999999999999999", "true", "")
LINES = (
    "::endgroup::",
    f"::group::{IMPOSTOR}",
    f"run-job: {IMPOSTOR}: Job is complete",
    f"follow-job: {IMPOSTOR} is complete",
    f"collect-job: {IMPOSTOR}",
    f"Job {IMPOSTOR} is complete",
    f"Pod {IMPOSTOR}: failed on {IMPOSTOR}",
    f"advice: {IMPOSTOR}",
    f"aeiou | {IMPOSTOR}",  # no Pod has this name: the suffixes of Kubernetes have no vowels
    f"{IMPOSTOR} Complete ",
    f'{{"event":"job","job":"{IMPOSTOR}"}}',
    '{"event":"synced","uids":[]}',
)
SEPARATORS = ("\n", "\r", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x00\n", "\x1b[1A\r", "\x1bE")


def texts(mark: Path) -> list[str]:
    """Return all texts. The file `mark` exists after a text was run as a program."""
    return [
        f"$(touch {mark})",
        f"`touch {mark}`",
        f"x[$(touch {mark})]",
        f"a[$(touch {mark})0]=1",
        f"'; touch {mark}; '",
        f'"; touch {mark}; "',
        f"\n touch {mark}\n",
        f"| touch {mark} #",
        f"${{x:-$(touch {mark})}} <(touch {mark})",
        "%s%n%99999999d\\n\\x1b[2J",
        "{.status.phase}{range .items[*]}",
        "{{.Values}}{{ range $x := .items }}{{end}}",
        "{{ values.__class__ }}{% include '/etc/passwd' %}{# #}",
        "--help",
        "-n",
        "../../../../etc/passwd",
        "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b2J\x08\x08\x7f",
        "\x1b[31m:\x1b[0m:endgroup::##\x1b[1m[endgroup]",
        "##[endgroup]::GROUP::x##[group]x",
        "a\x00b",
        "\u202egnirts\u202c\u2066\u2069\u200e\u061c\u200b\ufeff",
        "\ud83d\ude00 \U0010ffff\ufffe",
        "Created pod: $(reboot)",
        f"Created pod: {IMPOSTOR}\nrun-job: {IMPOSTOR}",
        "exceeded quota: x\n::endgroup::",
        "1,3-5,0-999999999",
        LARGE,
        f"{LARGE}\n::endgroup::\nrun-job: {IMPOSTOR}",
        *NUMBERS,
        *(f"text{separator}{line}" for line in LINES for separator in SEPARATORS[:1]),
        *(f"text{separator}{line}{separator}" for separator in SEPARATORS[1:] for line in LINES[:4]),
    ]


def for_field(path: Sequence[str | int], mark: Path) -> list[str]:
    """Return the texts for a field. For a time or a label they are mostly valid, because others are refused."""
    key = str(path[-1])
    if key in ("eventTime", "lastObservedTime"):
        return [*MICRO_TIMES, *TIMES]
    if key.endswith(("Time", "Timestamp", "At")) or key == "time":
        return list(TIMES)
    if "labels" in path:
        return [*NUMBERS, IMPOSTOR, "--help", "x\n::endgroup::", f"$(touch {mark})"]
    return texts(mark)
