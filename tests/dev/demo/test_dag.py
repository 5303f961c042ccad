"""`make dag` with the DAG of README.md, and with files without a DAG."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[3]
SECONDS = 240
FAILING = """
try:
    from airflow.sdk import dag, task
except ImportError:
    from airflow.decorators import dag, task


@task
def fails():
    raise ValueError("no good")


@dag(schedule=None)
def failing():
    fails()


failing()
"""


def run_dag(file: Path) -> subprocess.CompletedProcess[str]:
    """Run the script on the stand-in."""
    return subprocess.run(
        [str(ROOT / "tests/dev/demo/dag"), str(file), "localgke"],
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_the_dag_of_the_readme_runs(tmp_path):
    (code,) = re.findall(r"^   ```python\n(.*?)^   ```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    code = textwrap.dedent(code)
    if os.environ["AIRFLOW_VERSION"].startswith("2."):
        code = code.replace("airflow.sdk", "airflow.decorators")
    (tmp_path / "hello.py").write_text(code)
    done = run_dag(tmp_path / "hello.py")
    assert done.returncode == 0, done.stdout
    assert '{"answer":42}' in done.stdout
    assert re.search(r"\w+ \| 42$", done.stdout, re.MULTILINE), done.stdout
    first, *_, hello, _, log, end = done.stdout.split("dag: running DAG hello\n")[1].splitlines()
    assert (first, hello) == ("", '  hello success {"answer": 42}')
    assert end == "DAG hello: success: 2 success"
    assert "[DAG TEST] starting task_id=hello" in Path(log.removeprefix("Airflow's own log: ")).read_text()
    assert "[DAG TEST]" not in done.stdout


def test_a_task_that_fails_shows_why_without_the_frames_of_airflow(tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    done = run_dag(tmp_path / "failing.py")
    assert done.returncode == 1
    assert done.stdout.count("\nValueError: no good\n") == 1
    assert "site-packages" not in done.stdout
    assert done.stdout.endswith("DAG failing: failed: 1 failed\n")


def test_a_file_without_dags_is_refused(tmp_path):
    (tmp_path / "nothing.py").write_text("import airflow\n\ndag = missing\n")
    done = run_dag(tmp_path / "nothing.py")
    assert done.returncode == 64
    assert "name 'missing' is not defined" in done.stdout
    assert "defines no DAG that Airflow can import" in done.stdout


def test_a_missing_file_is_refused(tmp_path):
    done = run_dag(tmp_path / "nothing.py")
    assert done.returncode == 64
    assert "write make dag DAG=FILE.py" in done.stdout
