"""Checks the number of Pods for a TPU slice of several machines, which starts only with a Pod on each."""

from __future__ import annotations

import re
from math import prod

from gke_jobs.json_access import at, int_at, list_at
from gke_jobs.rendering.render_error import BAD_INPUT, RenderError
from gke_jobs.rendering.values import Json

TOPOLOGY_LABEL = "cloud.google.com/gke-tpu-topology"
TOPOLOGY = re.compile(r"[1-9][0-9]{0,3}(x[1-9][0-9]{0,3}){1,2}")
CHIPS = "google.com/tpu"


def check_slice(job: dict[str, Json], template: str) -> None:
    """Refuse a Job without one Pod for each machine of the slice, by its topology and the chips of a Pod."""
    pod = job["spec"]["template"]["spec"]
    topology = str(at(pod, "nodeSelector", TOPOLOGY_LABEL))
    limits = [str(at(container, "resources", "limits", CHIPS)) for container in list_at(pod, "containers")]
    chips = sum(int(limit) for limit in limits if re.fullmatch("[0-9]{1,9}", limit))
    if not chips or not TOPOLOGY.fullmatch(topology):
        return
    machines = prod(map(int, topology.split("x"))) // chips
    parallel = int_at(job, "spec", "parallelism") if "parallelism" in job["spec"] else 1
    total = int_at(job, "spec", "completions") if "completions" in job["spec"] else parallel
    if machines > 1 and {parallel, total} not in ({machines}, {0}):
        needed = f"a TPU slice of topology {topology} needs a Pod for each of its {machines} machines"
        what = f"{needed}, but the Job has parallelism {parallel} and completions {total}"
        fix = f"use the template distributed-job with nodes {machines}, or a profile with a slice of one machine"
        raise RenderError(BAD_INPUT, what, where=template, fix=fix)
