"""Runs the DAG `showcase` with Airflow and shows what becomes of its Jobs.

Usage: show.py DIRECTORY AIRFLOW-ARGUMENT... with kubectl's current context on the cluster

DIRECTORY gets airflow.log, all that Airflow prints, and the reports of the Jobs. Where stdout is a terminal, bars of
Pods grow on it; elsewhere there are only lines. A spot node is taken away while a Pod of task `finetune` runs there.
Exit code: 0 if the run succeeded and has shown everything, otherwise 1.
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
from demo.said import LOG_FORMAT, Said

PREEMPTED_TASK = "finetune"
PREEMPTION_SECONDS = 2.5  # after its Pod was seen running
TAINT = "cloud.google.com/impending-node-termination=true:NoExecute"  # the node has 15 seconds left
REDRAW_SECONDS = 0.25
GRACE_SECONDS = 10
INDENT = 4 * " "
WATCH = ["kubectl", "get", "pods", "--watch", "--output-watch-events", "--output", "json"]


class Screen:
    """Lines of text that scroll, and below them, on a terminal, lines that are drawn anew."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self._drawn = 0

    def say(self, text: str) -> None:
        """Write a line above what is drawn; on a terminal as many as it takes."""
        self.draw([])
        lines = wrapped(text, self.size.columns - 1) if self.is_terminal else text
        sys.stdout.write(f"{lines}\n")
        sys.stdout.flush()

    def draw(self, lines: list[str]) -> None:
        """Draw lines in place of the last ones."""
        if self.is_terminal:
            back = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
            sys.stdout.write(back + "".join(f"{coloured(line)}\n" for line in lines))
            sys.stdout.flush()
            self._drawn = len(lines)

    @property
    def size(self) -> os.terminal_size:
        """Columns and lines of the terminal."""
        return shutil.get_terminal_size()


def wrapped(text: str, columns: int) -> str:
    """Return lines of text, each of so many columns at most; what follows a line of more is indented."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, columns, subsequent_indent=INDENT, break_on_hyphens=False))
        for line in text.split("\n")
    )


class Preemption:
    """Takes the node of the first Pod of a task away, when it has run for a while."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._due: float | None = None
        self._is_done = False

    def act(self, pods: Pods) -> None:
        """Call it again and again."""
        pod = None if self._is_done else pods.running(PREEMPTED_TASK)
        if pod is None:
            return
        if self._due is None:
            self._due = time.monotonic() + PREEMPTION_SECONDS
        elif time.monotonic() >= self._due:
            self._is_done = True
            self._screen.say(f"demo: Google takes back spot node {pod.node}")
            taint = ["kubectl", "taint", "nodes", pod.node, TAINT]
            subprocess.run(taint, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)


def documents(chunks: Iterator[str]) -> Iterator[Any]:
    """Yield JSON documents that come one after the other, in pieces."""
    decoder, rest = json.JSONDecoder(), ""
    for chunk in chunks:
        rest = (rest + chunk).lstrip()
        while rest:
            try:
                document, end = decoder.raw_decode(rest)
            except ValueError:  # not whole yet
                break
            yield document
            rest = rest[end:].lstrip()


def in_background(feed: Callable[[], None]) -> None:
    """Run what feeds the queue; it ends with its process."""

    def run() -> None:
        with suppress(ValueError):  # after an interruption its pipe is closed
            feed()

    threading.Thread(target=run, daemon=True).start()


def end(process: subprocess.Popen[str]) -> None:
    """End a process and wait for it: Airflow ends what its task runs."""
    process.terminate()
    try:
        process.wait(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def show(directory: Path, airflow: list[str]) -> int:
    """Run Airflow to its end."""
    screen, said, pods = Screen(), Said(), Pods()
    with_spot = "--mark-success-pattern" not in airflow
    heard: queue.Queue[tuple[str, Any]] = queue.Queue()
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
                heard.put(("line", line.rstrip("\n")))
            heard.put(("end", None))

        def read_pods() -> None:
            for event in documents(iter(watch.stdout or ())):
                heard.put(("pod", event))

        in_background(read_airflow)
        in_background(read_pods)
        kind, drawn = "", 0.0
        while kind != "end":
            try:
                kind, what = heard.get(timeout=REDRAW_SECONDS)
            except queue.Empty:
                kind = "tick"
            if kind == "line":
                for text in said.lines(what):
                    screen.say(text)
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
    return finish(directory, said, with_spot=with_spot)


def finish(directory: Path, said: Said, *, with_spot: bool) -> int:
    """Print the timelines, where the reports are, and what to do next."""
    state, results = last_results(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))
    missing = said.missing(with_spot=with_spot)
    print(ending(directory, said, state, results))
    for what in missing:
        print(f"demo: it has not shown {what}: read {directory}/airflow.log", file=sys.stderr)
    return 0 if state == "success" and not missing else 1


def ending(directory: Path, said: Said, state: str, results: dict[str, Any]) -> str:
    """Return the last text."""
    reports = "\n".join(f"  {file}" for file in sorted(directory.glob("*.html"))) or "  none"
    return f"""
What ran where, and for how long; the log of each task ends with it:

{said.endings()}

DAG run: {state}; best of the sweep: {json.dumps(results.get("best"))}
The same as reports, with events, diagnosis and logs, to open in a browser:
{reports}
Airflow's own log: {directory}/airflow.log
Next:
  tests/dev/demo/showcase.py      the DAG that you have seen
  make dag DAG=hello.py       your own DAG file; README.md has one to begin with
  make airflow                Airflow's UI with the example DAGs
  dags/COMPOSER.md            the way to Cloud Composer"""


if __name__ == "__main__":
    try:
        sys.exit(show(Path(sys.argv[1]), sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
