"""The tasks of dags/MIGRATION.md, as they are printed there.

python ported.py NAMESPACE prints the file of the DAG `ported`, in which they run in that namespace of kubectl's current
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
    """The blocks of Python that make a task of this operator."""
    found = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in found if re.search(rf"^{operator}\(", block, re.MULTILINE)]


def dag_file(namespace: str) -> str:
    """A file with the DAG of all ported tasks, which do not depend on each other."""
    code = "\n".join(blocks("GkeJobOperator"))
    code, clusters = re.subn(r"^CLUSTER = .*", "CLUSTER = None", code, flags=re.MULTILINE)
    code, namespaces = re.subn(r"^NAMESPACE = .*", f'NAMESPACE = "{namespace}"', code, flags=re.MULTILINE)
    if (clusters, namespaces) != (1, 1):
        raise ValueError(f"{PAGE} sets CLUSTER {clusters} times, NAMESPACE {namespaces} times: it must be once")
    return HEAD + textwrap.indent(code, "    ")


if __name__ == "__main__":
    print(dag_file(sys.argv[1]))
