"""Makes templates/VALUES.md from the comments at the head of the shipped templates: `make golden` runs it.

A head is what it is about, a table and notes, with a bare `#` between them. The first line of the table, `# Value ...
Type and unit ... Default ... Meaning`, says where the columns are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, nodes

TEMPLATES = Path(__file__).parents[2] / "templates"
PAGE = TEMPLATES / "VALUES.md"
SHARED = "_macros"
COLUMNS = ("Value", "Type and unit", "Default", "Meaning")


class Head(NamedTuple):
    """The comment at the head of a template: its first paragraph, the rows of its table, and what follows."""

    about: str
    rows: list[tuple[str, ...]]
    notes: str


def source(template: str) -> str:
    """The text of a template, by its name."""
    return (TEMPLATES / f"{template}.yaml.j2").read_text()


def head(template: str) -> Head:
    """Read the head of a template."""
    comment = [line.removeprefix("#").removeprefix(" ") for line in source(template).splitlines() if line[:1] == "#"]
    first, last = comment.index(""), len(comment) - 1 - comment[::-1].index("")
    title, *lines = comment[first + 1 : last]
    starts = [title.index(column) for column in COLUMNS]
    ends = [*starts[1:], None]
    rows = [tuple(line[start:end].strip() for start, end in zip(starts, ends, strict=True)) for line in lines]
    return Head(" ".join(comment[:first]), rows, " ".join(comment[last + 1 :]))


def used_values(template: str) -> set[str]:
    """The names of the values that a template reads, itself or in the macros that it calls."""
    macros = {macro.name: macro for macro in _parse(SHARED).find_all(nodes.Macro)}
    found: set[str] = set()
    waiting: list[nodes.Node] = [_parse(template)]
    while waiting:
        node = waiting.pop()
        for name in node.find_all(nodes.Getattr):
            owner = name.node.name if isinstance(name.node, nodes.Name) else ""
            if owner == "values":
                found.add(name.attr)
            elif owner == "macros":
                waiting.append(macros[name.attr])
    return found


def _parse(template: str) -> nodes.Template:
    return Environment().parse(source(template))


def shipped() -> list[str]:
    """The names of the templates."""
    return sorted(path.name.removesuffix(".yaml.j2") for path in TEMPLATES.glob("[!_]*.yaml.j2"))


def page() -> str:
    """The content of VALUES.md."""
    parts = ["# The values of each template\n", "Made from the heads of the templates by `make golden`; edit those.\n"]
    for template in shipped():
        about, rows, notes = head(template)
        notes = notes.replace(f"{SHARED}.yaml.j2", "[every template](#every-template)")
        parts += [f"## {template}\n", f"{about}\n", _table(rows), f"{notes}\n"]
    parts += ["## Every template\n", _table(head(SHARED).rows), f"{head(SHARED).notes}\n"]
    return "\n".join(parts)


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *((f"`{name}`", *rest) for name, *rest in rows)]
    return "".join("| " + " | ".join(re.sub(r"\|", r"\\|", cell) for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
