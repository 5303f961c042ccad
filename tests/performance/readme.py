"""Puts what `make bench` has measured into README.md and `measured/`: tables, plots, and the values they are made from.

    python -m performance.readme FILE

The page has a section for each cluster; FILE replaces that of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from performance.charts import bars
from performance.goals import values_of
from performance.report import text
from performance.ways import MEASURES

README = Path(__file__).with_name("README.md")
MEASURED = README.with_name("measured")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
TITLES = {"localgke": "On the stand-in for GKE", "k8s": "On a real Kubernetes"}
PLOTS = ("finish", "many_finish", "line", "start_warm", "cpu", "wait_memory")


def plots(measured: Mapping[str, Any]) -> dict[str, str]:
    """SVGs by the name of their files."""
    found = {measure: values_of(measured, measure) for measure in PLOTS}
    cluster = measured["about"]["cluster"]
    return {f"{cluster}-{name}.svg": bars(*MEASURES[name], values) for name, values in found.items() if values}


def section(measured: Mapping[str, Any]) -> str:
    """What README.md has of one cluster."""
    about = measured["about"]
    shown = {name.removeprefix("apache-airflow-providers-"): each for name, each in about["versions"].items()}
    versions = ", ".join(f"{name} {each}" for name, each in shown.items())
    parts = "; ".join(f"`{name}` {each['date']}, load average {each['load']}" for name, each in about["parts"].items())
    images = "\n".join(
        f"![{MEASURES[name.partition('-')[2].removesuffix('.svg')][0]}](measured/{name})" for name in plots(measured)
    )
    lines = [
        f"## {TITLES[about['cluster']]}",
        f"Measured on {about['cpus']} CPUs and {about['memory']}: {parts}. "
        f"`single` has {about['rounds']} rounds, so a p95 is close to the maximum. Versions: {versions}.",
        text(measured),
        images,
    ]
    return "\n\n".join(lines)


def block(of_clusters: Mapping[str, Mapping[str, Any]]) -> str:
    """What stands between the marks of README.md."""
    return "\n\n".join(section(of_clusters[cluster]) for cluster in TITLES if cluster in of_clusters)


def replaced(page: str, new: str) -> str:
    """The page with another text between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


def read() -> dict[str, Any]:
    """The values of each cluster that were measured last."""
    return {path.stem: json.loads(path.read_text()) for path in MEASURED.glob("*.json")}


def main() -> None:
    measured = json.loads(Path(sys.argv[1]).read_text())
    (MEASURED / f"{measured['about']['cluster']}.json").write_text(json.dumps(measured) + "\n")
    for name, svg in plots(measured).items():
        (MEASURED / name).write_text(svg)
    README.write_text(replaced(README.read_text(), block(read())))


if __name__ == "__main__":
    main()
