"""Waits for many Jobs as a triggerer does: a GkeJobTrigger each, all in one event loop, without the rest of Airflow.

    python -m performance.triggers --namespace NAME <JOBS

JOBS: lines of NAME UID. stdout, a line each: `{"ready": true}` when it reads them; `{"waits": N}` when all Jobs are
known; `{"job": NAME, "reason": WORD, "at": SECONDS}` for each event that is fired, by the monotonic clock; in the end
`{"cpu": SECONDS}`, processor time from the first trigger to the last event, of this process and of what it starts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from contextlib import suppress
from typing import Any

from gke_job import shared_watch
from gke_job.trigger import GkeJobTrigger
from performance import accounted

POLL_SECONDS = 0.1
_reports = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # Airflow logs to stdout


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    options = parser.parse_args()
    _print(ready=True)
    jobs = dict(line.split() for line in sys.stdin)
    accounted.prctl(accounted.PR_SET_CHILD_SUBREAPER, 1)
    began = _cpu()
    asyncio.run(_wait(options.namespace, jobs))
    with suppress(ChildProcessError):
        while os.wait():  # what watch-jobs has left, which was killed
            pass
    _print(cpu=_cpu() - began)


async def _wait(namespace: str, jobs: dict[str, str]) -> None:
    waits = [asyncio.create_task(_fire(namespace, job, uid)) for job, uid in jobs.items()]
    uids = set(jobs.values())
    while not uids <= {uid for watch in shared_watch._watches.values() for uid in watch.job_statuses}:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(POLL_SECONDS)
    _print(waits=len(jobs))
    await asyncio.gather(*waits)


async def _fire(namespace: str, job: str, uid: str) -> None:
    trigger = GkeJobTrigger(cluster={}, namespace=namespace, job=job, uid=uid, airflow_environment="scale")
    async for event in trigger.run():
        _print(job=job, reason=event.payload["reason"], at=time.monotonic())


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _print(**report: Any) -> None:
    print(json.dumps(report), file=_reports, flush=True)


if __name__ == "__main__":
    main()
