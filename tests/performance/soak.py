"""A long wait: a run-job and a watch-jobs wait for one Job while watches and logs break and tokens end.

    python -m performance.soak --namespace NAME --cluster localgke|k8s [--minutes N] [--json FILE]

Both have the credentials that gcloud gives, and reach the cluster through a proxy (tests/dev/faults). At each of CUTS
moments the proxy breaks their watches. On the stand-in each token lives for a 24th of the time, and logs are cut as
well. On the real Kubernetes the log rotates, and the kubelet and the API server are killed once each. There the proxy
cuts no log: of one that rotates at that moment the kubelet no longer has the lines before.

What must hold, else it exits with 1: run-job ends with 0 and the result, watch-jobs has reported the Job finished,
every line of the log was printed once and in order, and what both need in the last part of the time is what they
needed after the first tenth: private memory of each program, processes, and open files.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from subprocess import DEVNULL

import yaml

from e2e.processes import open_files
from faults.__main__ import count, run, set_faults
from localgke import background
from performance.figures import columns, memory_of
from performance.observer import until
from performance.runs import Run, look_at

SCRIPTS = Path(__file__).parents[2] / "scripts"
RESULT = "soaked"
LINES = (
    7200  # of the Job's log, about 145 bytes each on the disk: 1 MiB, which the kubelet of the tests rotates at 64 KiB
)
CUTS, SAMPLES = 24, 120  # in the whole time
FIRST, LAST = (0.10, 0.30), (0.75, 0.95)  # the parts of the time that are compared
GROWTH_MIB, GROWTH_FILES = 2.0, 2  # less is noise: of garbage collection, and of a connection that is made anew
WATCH_CUTS = ("watch:end:now", "watch:drop:now", "watch:gone:now", "watch:status=503:2")
LOG_CUT = "log:drop:now"
MISSING_IS_SAID = "may be missing lines"
PROCESSES, FILES = "processes", "open files"
PLACE = ("project", "location", "cluster")


@dataclass(frozen=True)
class Sample:
    """What one of the two needs at a moment, by what it is. `at`: its part of the whole time; memory is in MiB."""

    at: float
    needs: Mapping[str, float]


@dataclass(frozen=True)
class Change:
    """A figure in both parts of the time, as medians."""

    what: str
    first: float
    last: float

    @property
    def is_flat(self) -> bool:
        allowed = {PROCESSES: 0, FILES: GROWTH_FILES}.get(self.what, GROWTH_MIB)
        return self.last - self.first <= allowed


def changes(samples: Sequence[Sample]) -> list[Change]:
    """What has changed between both parts of the time, of all that is there most of the time: plugins come and go."""
    parts = [[each.needs for each in samples if low <= each.at <= high] for low, high in (FIRST, LAST)]
    names = sorted({name for part in parts for needs in part for name in needs})
    values = {name: [[needs[name] for needs in part if name in needs] for part in parts] for name in names}
    lasting = [
        name for name in names if all(2 * len(of) > len(part) for of, part in zip(values[name], parts, strict=True))
    ]
    return [Change(name, *map(median, values[name])) for name in lasting]


def wrong_lines(log: str, wanted: int, *, may_miss: bool) -> str:
    """What is wrong with the numbered lines of a log; '' for nothing. may_miss: where the log says that some are."""
    found = [int(number) for number in re.findall(r"\| line (\d+) ", log)]
    twice = [number for number, times in Counter(found).items() if times > 1]
    missing = sorted(set(range(1, wanted + 1)) - set(found))
    if twice:
        return f"{len(twice)} lines came twice: {twice[:5]}"
    if found != sorted(found):
        return "lines are out of order"
    if missing and not (may_miss and MISSING_IS_SAID in log):
        return f"{len(missing)} lines are missing: {missing[:5]}"
    return ""


def disturbances(cluster: str) -> list[str]:
    """What happens at each of the CUTS moments: a fault of the proxy, or `restart COMPONENT`."""
    planned = [WATCH_CUTS[number % len(WATCH_CUTS)] for number in range(CUTS)]
    if cluster == "k8s":
        planned[CUTS // 3], planned[2 * CUTS // 3] = "restart kubelet", "restart kube-apiserver"
    else:
        planned[1::3] = [LOG_CUT] * len(planned[1::3])
    return planned


def command_of(seconds: int) -> str:
    """The shell command of the Job: prints its lines in about so many seconds."""
    loop = f'n=0; while [ $n -lt {LINES} ]; do n=$((n + 1)); printf "line %d %80s\\n" $n .;'
    pause = f"pause=$((n * {seconds} / {LINES} - (n - 1) * {seconds} / {LINES})); [ $pause = 0 ] || sleep $pause"
    return f"{loop} {pause}; done; echo {RESULT} >/dev/termination-log"


class Soak:
    """The wait for one Job of `namespace`; `directory` takes what both scripts print, `proxy` is before the cluster."""

    def __init__(self, options: argparse.Namespace, directory: Path, proxy: Path) -> None:
        self.samples: defaultdict[str, list[Sample]] = defaultdict(list)
        self._seconds, self._cluster, self._proxy = options.minutes * 60, options.cluster, proxy
        self._kubeconfig, place = kubeconfig_of(directory, proxy), ["--namespace", options.namespace]
        self._values = directory / "values.json"
        container = {"image": "busybox:1.37", "command": ["sh", "-c", command_of(self._seconds)], "retries": 0}
        self._values.write_text(json.dumps(container))
        self.watch = self._start(directory / "watch-jobs", "watch-jobs", *place)
        self.job = self._start(
            directory / "run-job", "run-job", "--template", "batch-job", "--values", str(self._values), *place
        )

    def _start(self, directory: Path, script: str, *options: str) -> Run:
        airflow = {"AIRFLOW_CTX_DAG_ID": "soak", "AIRFLOW_CTX_TASK_ID": "soak", "AIRFLOW_CTX_DAG_RUN_ID": "run"}
        environ = {**os.environ, "KUBECONFIG": str(self._kubeconfig), **airflow, "GKE_JOB_AIRFLOW_ENVIRONMENT": "soak"}
        return Run(directory, ["bash", str(SCRIPTS / script), *options], environ, limit=int(3 * self._seconds + 600))

    def wait(self) -> None:
        """Disturbs and looks until run-job has ended."""
        began, cuts = time.monotonic(), disturbances(self._cluster)
        while self.job.runs():
            at = (time.monotonic() - began) / self._seconds
            if cuts and at * (CUTS + 1) >= CUTS + 1 - len(cuts):
                self._disturb(cuts.pop(0))
            for name, script in (("run-job", self.job), ("watch-jobs", self.watch)):
                self.samples[name].append(Sample(at, look(script)))
            if len(self.samples["run-job"]) % (SAMPLES // 12) == 0:
                said(f"{at:.0%}: {self.samples['run-job'][-1].needs}, {count(self._proxy)['struck']} streams cut")
            time.sleep(self._seconds / SAMPLES)

    def _disturb(self, what: str) -> None:
        said(what)
        if what.startswith("restart "):
            cluster = [sys.executable, "-m", "k8s", *what.split(), "--state", os.environ["CLUSTER_STATE"]]
            subprocess.run(cluster, check=True)
        else:
            set_faults(self._proxy, [what])

    def wrong(self) -> list[str]:
        """What does not hold, now that run-job has ended. Raises SystemExit where that is not with 0."""
        self.job.result()
        log = self.job.log()
        until(lambda: '"finished":true' in self.watch.log(), "watch-jobs has not reported the Job finished")
        self.watch.stop()
        last = log.splitlines()[-1]
        found = [wrong_lines(log, LINES, may_miss=self._cluster == "k8s")]
        found += [] if last == f'"{RESULT}"' else [f"the last line of run-job is {last!r}"]
        for name, samples in self.samples.items():
            found += [f"{name}: {each}" for each in changes(samples) if not each.is_flat]
        return [each for each in found if each]


def look(script: Run) -> dict[str, float]:
    """What a script needs now."""
    processes = script.processes()
    needs: Counter[str] = Counter()
    for name, rollup in filter(None, map(look_at, processes)):
        needs[f"private memory of {name}"] += memory_of(rollup)["Private"]
    mebibytes = {name: round(of / 2**20, 2) for name, of in needs.items()}
    files = sum(len(list(open_files(int(each.name)))) for each in processes)
    return {**mebibytes, PROCESSES: len(processes), FILES: files}


def kubeconfig_of(directory: Path, proxy: Path) -> Path:
    """Credentials of the cluster, as gcloud gives them, for the way through the proxy."""
    file = directory / "kubeconfig"
    place = [word for name in PLACE for word in (f"--{name}", os.environ[f"LOCALGKE_{name.upper()}"])]
    subprocess.run(
        ["bash", str(SCRIPTS / "get-credentials"), *place, "--kubeconfig", str(file)], check=True, stdout=DEVNULL
    )
    kubeconfig = yaml.safe_load(file.read_text())
    kubeconfig["clusters"][0]["cluster"] = yaml.safe_load((proxy / "kubeconfig").read_text())["clusters"][0]["cluster"]
    file.write_text(yaml.safe_dump(kubeconfig))
    return file


def said(message: str) -> None:
    print(f"soak: {message}", file=sys.stderr, flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is ended and removed
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--cluster", required=True, choices=("localgke", "k8s"))
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        proxy = directory / "proxy"
        run("start", proxy, Path(os.environ["CLUSTER_STATE"]))
        stack.callback(background.stop, proxy)
        soak = Soak(options, directory, proxy)
        stack.callback(soak.watch.stop)
        stack.callback(soak.job.stop)
        soak.wait()
        wrong, requests = soak.wrong(), count(proxy)
    rows = [
        (
            f"{name}: {each.what}",
            "" if each.what in (PROCESSES, FILES) else "MiB",
            {"first": each.first, "last": each.last},
        )
        for name, samples in soak.samples.items()
        for each in changes(samples)
    ]
    print(columns(rows, ("first", "last")))
    print(json.dumps(requests))
    if options.json:
        figures = {name: [asdict(each) for each in samples] for name, samples in soak.samples.items()}
        options.json.write_text(
            json.dumps({"minutes": options.minutes, "requests": requests, "wrong": wrong, "samples": figures})
        )
    sys.exit("\n".join(f"soak: {each}" for each in wrong) or 0)


if __name__ == "__main__":
    main()
