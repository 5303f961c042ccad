"""Puts what `make bench` has measured into README.md: tables; plots beside it, and bench.json, from which all is made.

python -m performance.readme FILE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from performance.chart import bars
from performance.goals import values_of
from performance.report import text
from performance.ways import MEASURES

HERE = Path(__file__).parent
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PLOTS = ("finish", "many_finish", "line", "start_warm", "cpu", "wait_memory")


def plots(measured: Mapping[str, Any]) -> dict[str, str]:
    """SVGs by the name of their files."""
    found = {measure: values_of(measured, measure) for measure in PLOTS}
    return {f"{measure}.svg": bars(*MEASURES[measure], values) for measure, values in found.items() if values}


def block(measured: Mapping[str, Any]) -> str:
    """What stands between the marks of README.md."""
    about = measured["about"]
    versions = ", ".join(
        f"{name.removeprefix('apache-airflow-providers-')} {each}" for name, each in about["versions"].items()
    )
    load = ", ".join(f"{each} at the begin of `{part}`" for part, each in about["load"].items())
    lines = [
        f"Measured on {about['date']} on CLUSTER={about['cluster']}, with {about['rounds']} rounds, on a machine with "
        f"{about['cpus']} CPUs and {about['memory']}; load average {load}. Versions: {versions}.",
        text(measured),
        "### Plots",
        "\n".join(f"![{MEASURES[measure][0]}]({measure}.svg)\n" for measure in PLOTS if values_of(measured, measure)),
    ]
    return "\n\n".join(lines).rstrip()


def replaced(readme: str, new: str) -> str:
    """The page with another text between its marks."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def main() -> None:
    measured = json.loads(Path(sys.argv[1]).read_text())
    readme = HERE / "README.md"
    readme.write_text(replaced(readme.read_text(), block(measured)))
    (HERE / "bench.json").write_text(json.dumps(measured) + "\n")
    for name, svg in plots(measured).items():
        (HERE / name).write_text(svg)


if __name__ == "__main__":
    main()
