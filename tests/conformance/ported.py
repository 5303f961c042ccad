"""Extracts the tasks of dags/MIGRATION.md.

python ported.py NAMESPACE prints the file of the DAG `ported`, whose tasks run in that namespace of kubectl's current
context.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

PAGE = Path(__file__).parents[2] / "dags" / "MIGRATION.md"
HEAD = """
try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow import DAG

with DAG("ported", schedule=None) as dag:
"""


def blocks(operator: str) -> list[str]:
    """Return the Python code blocks that make a task of an operator."""
    found = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in found if re.search(rf"^{operator}\(", block, re.MULTILINE)]


def dag_file(namespace: str) -> str:
    """Return the file of the DAG of all ported tasks, which are independent."""
    code = "\n".join(blocks("GkeJobOperator"))
    code, clusters = re.subn(r"^CLUSTER = .*", "CLUSTER = None", code, flags=re.MULTILINE)
    code, namespaces = re.subn(r"^NAMESPACE = .*", f'NAMESPACE = "{namespace}"', code, flags=re.MULTILINE)
    if (clusters, namespaces) != (1, 1):
        raise ValueError(f"{PAGE} sets CLUSTER {clusters} times, NAMESPACE {namespaces} times: set each once")
    return HEAD + textwrap.indent(code, "    ")


if __name__ == "__main__":
    print(dag_file(sys.argv[1]))
