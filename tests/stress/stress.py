"""Runs many Jobs with random faults; exits with 1 when a Job violates an invariant.

drawing.py draws each Job from --seed and its number, and states its possible exit codes and results. Each Job has its
own proxy to the cluster (tests/dev/faults); the checks bypass the proxy. The invariants:

- a try ends with one of the expected exit codes and prints the expected result, and nothing else;
- the work is done once: a second Job is created only after the first one failed, was collected, or was deleted. A Job
  is deleted only by a fault, by run-job where it must, or for a new try;
- no Job is lost: an interrupted try leaves its Job to the next try, which adopts it, or deletes it, or logs that it
  may be left and how to remove it. A Job that succeeded is marked as collected;
- no log line is missing, unless a fault may hide it and follow-job reports it, and no line is repeated;
- no process and no private directory is left. After SIGKILL the next try removes them.

`--only NUMBER` runs one Job again, and shows the messages of its tries.
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
from stress.disturbing import Endpoint
from stress.drawing import Draw, Fault, draw
from stress.task import WrongError
from stress.watching import Namespace

PROGRESS_SECONDS = 30
LAST_LINES = 20  # messages that are shown of a Job that violates an invariant


@dataclass(frozen=True)
class Verdict:
    """The outcome of a draw: the injected faults, what is wrong or an empty string, and the messages of the tries."""

    draw: Draw
    happened: list[Fault]
    wrong: str
    messages: list[str]


def judge(draw: Draw, endpoint: Endpoint, namespace: Namespace, home: Path) -> Verdict:
    """Run the Job of a draw and check it."""
    attempt = Attempt(draw, endpoint, namespace, home / str(draw.number))
    wrong = ""
    try:
        attempt.carry_out()
    except WrongError as error:
        wrong = str(error)
    attempt.clean_up()
    return Verdict(draw, attempt.happened, wrong, attempt.messages())


def verdicts(draws: list[Draw], namespace: str, parallel: int) -> Iterator[Verdict]:
    """Run all draws, `parallel` at the same time; yield each verdict when it is known."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stress-")))
        watched = stack.enter_context(Namespace(namespace).watched())
        endpoints: Queue[Endpoint] = Queue()
        for number in range(min(parallel, len(draws))):
            endpoint = Endpoint.start(home / f"endpoint-{number}", Path(os.environ["CLUSTER_STATE"]))
            stack.callback(endpoint.stop)
            endpoints.put(endpoint)

        def judged(draw: Draw) -> Verdict:
            endpoint = endpoints.get()
            try:
                return judge(draw, endpoint, watched, home)
            finally:
                endpoints.put(endpoint)

        pool = stack.enter_context(ThreadPoolExecutor(parallel))
        stack.callback(pool.shutdown, cancel_futures=True)
        for done in as_completed([pool.submit(judged, draw) for draw in draws]):
            yield done.result()


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--cluster", required=True, help="name of the cluster, for the command that runs a Job again")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--only", type=int, help="the number of one Job of that seed")
    parser.add_argument("--parallel", type=int, default=4)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    numbers = range(options.count) if options.only is None else [options.only]
    draws = [draw(options.seed, number) for number in numbers]
    began = reported_at = time.monotonic()
    wrong = 0
    happened: Counter[str] = Counter()
    for done, verdict in enumerate(verdicts(draws, options.namespace, options.parallel), 1):
        happened.update({fault.name for fault in verdict.happened})
        if verdict.wrong:
            wrong += 1
            again = f"tests/stress/stress {options.cluster} --seed {options.seed} --only {verdict.draw.number}"
            print(f"WRONG {verdict.draw}: {verdict.wrong}; again: {again}", flush=True)
        if verdict.wrong or options.only is not None:
            shown = verdict.messages if options.only is not None else verdict.messages[-LAST_LINES:]
            print("".join(f"    {line}\n" for line in shown), end="", flush=True)
        if time.monotonic() - reported_at > PROGRESS_SECONDS:
            reported_at = time.monotonic()
            print(f"{done} of {len(draws)} Jobs, {wrong} wrong, {reported_at - began:.0f} s", flush=True)
    print("outcomes:", _counts(Counter(drawn.outcome.name for drawn in draws)))
    print("forms:", _counts(Counter(drawn.form for drawn in draws)))
    print("faults:", _counts(happened))
    print(f"{len(draws)} Jobs, {wrong} wrong, {time.monotonic() - began:.0f} s")
    return min(wrong, 1)


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))


if __name__ == "__main__":
    sys.exit(main())
