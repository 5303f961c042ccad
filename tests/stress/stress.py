"""Runs many Jobs while things go wrong at random; exits with 1 when what comes of one is not what must.

drawing.py tells what is drawn, from --seed and the Job's number, and with which exit codes and results that may end.
Each Job has a proxy to the cluster (tests/dev/faults) to itself, and is looked at past it. What must hold:

- a try ends with an exit code, prints the result, and nothing else, as the draw demands;
- the work is done once: a second Job is created only when the first had failed, was collected, or was deleted, and
  none is deleted but by the draw, by run-job where it must, or for a new try;
- no Job is lost: a try that is cut short leaves its Job to the next one, which adopts it, or deletes it, or says that
  it may be left and how to remove it; and one that succeeded is marked as collected;
- no log line is missing, unless a fault excuses it and that is said, and none comes twice;
- no process and no private directory is left, after SIGKILL by the next try at the latest.

`--only NUMBER` does one Job again, and shows what its tries said.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from stress.attempt import Attempt
from stress.disturbing import Way
from stress.drawing import Draw, Fault, draw
from stress.task import WrongError
from stress.watching import Namespace

PROGRESS_SECONDS = 30
LAST_LINES = 20  # of what a Job's tries said, where something is wrong


@dataclass(frozen=True)
class Verdict:
    """What came of a draw: the faults that happened, what is wrong, if anything is, and what its tries said."""

    draw: Draw
    happened: list[Fault]
    wrong: str
    said: list[str]


def judge(draw: Draw, way: Way, namespace: Namespace, home: Path) -> Verdict:
    """Carry a draw out."""
    attempt = Attempt(draw, way, namespace, home / str(draw.number))
    wrong = ""
    try:
        attempt.carry_out()
    except WrongError as error:
        wrong = str(error)
    attempt.clean_up()
    return Verdict(draw, attempt.happened, wrong, attempt.said())


def verdicts(draws: list[Draw], namespace: str, parallel: int) -> Iterator[Verdict]:
    """Carry all draws out, so many at the same time."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stress-")))
        watched = stack.enter_context(Namespace(namespace).watched())
        ways: Queue[Way] = Queue()
        for number in range(min(parallel, len(draws))):
            way = Way.start(home / f"way-{number}", Path(os.environ["CLUSTER_STATE"]))
            stack.callback(way.stop)
            ways.put(way)

        def judged(draw: Draw) -> Verdict:
            way = ways.get()
            try:
                return judge(draw, way, watched, home)
            finally:
                ways.put(way)

        pool = stack.enter_context(ThreadPoolExecutor(parallel))
        stack.callback(pool.shutdown, cancel_futures=True)
        for done in as_completed([pool.submit(judged, draw) for draw in draws]):
            yield done.result()


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--cluster", required=True, help="what it is called, to say how to do a Job again")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", type=int, help="the number of one Job of that seed")
    parser.add_argument("--parallel", type=int, default=4)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    numbers = range(options.count) if options.only is None else [options.only]
    draws = [draw(options.seed, number) for number in numbers]
    began = said_at = time.monotonic()
    wrong = 0
    happened: Counter[str] = Counter()
    for done, verdict in enumerate(verdicts(draws, options.namespace, options.parallel), 1):
        happened.update({fault.name for fault in verdict.happened})
        if verdict.wrong:
            wrong += 1
            again = f"tests/stress/stress {options.cluster} --seed {options.seed} --only {verdict.draw.number}"
            print(f"WRONG {verdict.draw}: {verdict.wrong}; again: {again}", flush=True)
        if verdict.wrong or options.only is not None:
            said = verdict.said if options.only is not None else verdict.said[-LAST_LINES:]
            print("".join(f"    {line}\n" for line in said), end="", flush=True)
        if time.monotonic() - said_at > PROGRESS_SECONDS:
            said_at = time.monotonic()
            print(f"{done} of {len(draws)} Jobs, {wrong} wrong, {said_at - began:.0f} s", flush=True)
    print("outcomes:", _counts(Counter(drawn.outcome.name for drawn in draws)))
    print("forms:", _counts(Counter(drawn.form for drawn in draws)))
    print("faults:", _counts(happened))
    print(f"{len(draws)} Jobs, {wrong} wrong, {time.monotonic() - began:.0f} s")
    return min(wrong, 1)


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))


if __name__ == "__main__":
    sys.exit(main())
