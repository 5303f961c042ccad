"""Runs the DAG `showcase` with Airflow and shows the progress of its Jobs.

Usage: show.py DIRECTORY AIRFLOW-ARGUMENT...

kubectl's current context must be the cluster. The output of Airflow, airflow.log, and the reports of the Jobs go to
DIRECTORY. On a terminal, a growing bar is drawn for each Pod; otherwise only log lines are printed. A spot node is
preempted while a Pod of task `finetune` runs there. Exit code: 0 if the run succeeded and showed everything, else 1.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[3] / "scripts" / "lib"))

from demo.bars import Pods, coloured, picture
from demo.results import last_results
from demo.toolkit_lines import LOG_FORMAT, Output

PREEMPTED_TASK = "finetune"
PREEMPTION_SECONDS = 2.5  # after its Pod is seen running
TAINT = "cloud.google.com/impending-node-termination=true:NoExecute"  # the node has 15 seconds left
REDRAW_SECONDS = 0.25
GRACE_SECONDS = 10
INDENT = 4 * " "
WATCH = ["kubectl", "get", "pods", "--watch", "--output-watch-events", "--output", "json"]


class Screen:
    """Scrolling lines of text and, on a terminal, lines below them that are redrawn."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self._drawn = 0

    def print(self, text: str) -> None:
        """Print a line above the drawing; on a terminal, wrap a long line."""
        self.draw([])
        lines = wrapped(text, self.size.columns - 1) if self.is_terminal else text
        sys.stdout.write(f"{lines}\n")
        sys.stdout.flush()

    def draw(self, lines: list[str]) -> None:
        """Replace the drawing with these lines."""
        if self.is_terminal:
            back = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
            sys.stdout.write(back + "".join(f"{coloured(line)}\n" for line in lines))
            sys.stdout.flush()
            self._drawn = len(lines)

    @property
    def size(self) -> os.terminal_size:
        """The columns and lines of the terminal."""
        return shutil.get_terminal_size()


def wrapped(text: str, columns: int) -> str:
    """Return text wrapped to lines of at most `columns` columns; continuation lines are indented."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, columns, subsequent_indent=INDENT, break_on_hyphens=False))
        for line in text.split("\n")
    )


class Preemption:
    """Preempts the node of the first Pod of a task after PREEMPTION_SECONDS."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._due: float | None = None
        self._is_done = False

    def act(self, pods: Pods) -> None:
        """Preempt the node if it is time; the main loop calls this repeatedly."""
        pod = None if self._is_done else pods.running(PREEMPTED_TASK)
        if pod is None:
            return
        if self._due is None:
            self._due = time.monotonic() + PREEMPTION_SECONDS
        elif time.monotonic() >= self._due:
            self._is_done = True
            self._screen.print(f"demo: Google takes back spot node {pod.node}")
            taint = ["kubectl", "taint", "nodes", pod.node, TAINT]
            subprocess.run(taint, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def documents(chunks: Iterator[str]) -> Iterator[Any]:
    """Yield the JSON documents of a stream of chunks."""
    decoder, rest = json.JSONDecoder(), ""
    for chunk in chunks:
        rest = (rest + chunk).lstrip()
        while rest:
            try:
                document, end = decoder.raw_decode(rest)
            except ValueError:  # incomplete
                break
            yield document
            rest = rest[end:].lstrip()


def in_background(feed: Callable[[], None]) -> None:
    """Run `feed`, which fills the queue, in a thread; it ends with its process."""

    def run() -> None:
        with suppress(ValueError):  # the pipe is closed after an interruption
            feed()

    threading.Thread(target=run, daemon=True).start()


def end(process: subprocess.Popen[str]) -> None:
    """Terminate a process and wait for it, so that Airflow can end its task; kill it after GRACE_SECONDS."""
    process.terminate()
    try:
        process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def show(directory: Path, airflow: list[str]) -> int:
    """Run Airflow, show the progress, and return the exit code."""
    screen, output, pods = Screen(), Output(), Pods()
    with_spot = "--mark-success-pattern" not in airflow
    events: queue.Queue[tuple[str, Any]] = queue.Queue()
    preemption = Preemption(screen)
    environment = os.environ | {
        "AIRFLOW__LOGGING__LOG_FORMAT": LOG_FORMAT,
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "GKE_JOB_DEMO_REPORTS": str(directory),
    }
    with ExitStack() as stack:
        log = stack.enter_context((directory / "airflow.log").open("w"))
        run, watch = (
            stack.enter_context(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
                )
            )
            for command in (airflow, WATCH)
        )
        for process in (watch, run):
            stack.callback(end, process)

        def read_airflow() -> None:
            for line in run.stdout or ():
                log.write(line)
                events.put(("line", line.rstrip("\n")))
            events.put(("end", None))

        def read_pods() -> None:
            for event in documents(iter(watch.stdout or ())):
                events.put(("pod", event))

        in_background(read_airflow)
        in_background(read_pods)
        kind, drawn = "", 0.0
        while kind != "end":
            try:
                kind, what = events.get(timeout=REDRAW_SECONDS)
            except queue.Empty:
                kind = "tick"
            if kind == "line":
                for text in output.lines(what):
                    screen.print(text)
            elif kind == "pod":
                pods.change(what["object"], is_deleted=what["type"] == "DELETED", now=time.time())
            preemption.act(pods)
            if time.monotonic() - drawn >= REDRAW_SECONDS:
                drawn = time.monotonic()
                size = screen.size
                lines = max(4, size.lines // 2)
                screen.draw(picture(pods.bars(), time.time(), columns=size.columns - 1, lines=lines))
        screen.draw([])
        run.wait()
    return finish(directory, output, with_spot=with_spot)


def finish(directory: Path, output: Output, *, with_spot: bool) -> int:
    """Print the timelines, the paths of the reports, and next steps; return the exit code."""
    state, results = last_results(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))
    missing = output.missing(with_spot=with_spot)
    print(ending(directory, output, state, results))
    for what in missing:
        print(f"demo: the run did not show {what}: see {directory}/airflow.log", file=sys.stderr)
    return 0 if state == "success" and not missing else 1


def ending(directory: Path, output: Output, state: str, results: dict[str, Any]) -> str:
    """Return the last text."""
    reports = "\n".join(f"  {file}" for file in sorted(directory.glob("*.html"))) or "  none"
    return f"""
Timelines of all Pods, as at the end of each task's log:

{output.endings()}

DAG run: {state}; best of the sweep: {json.dumps(results.get("best"))}
Reports with events, diagnosis and logs, to open in a browser:
{reports}
Airflow's own log: {directory}/airflow.log
Next:
  tests/dev/demo/showcase.py  the DAG of this run
  make dag DAG=hello.py       runs your own DAG file; README.md has an example
  make airflow                starts Airflow's UI with the example DAGs
  dags/COMPOSER.md            describes how to deploy to Cloud Composer"""


if __name__ == "__main__":
    try:
        sys.exit(show(Path(sys.argv[1]), sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
