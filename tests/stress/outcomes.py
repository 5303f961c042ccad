"""The outcomes that the Jobs of a stress run have without faults."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

SUCCEEDED, FAILED, CONFIG, TIMEOUT = 0, 1, 78, 124
LINES = 600  # of the Job with a long log; less than the 64 KiB at which a test cluster rotates a log
FOREVER = "sleep 600"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A Job, and the exit code and the result of `run-job` with `options` without faults."""

    name: str
    spec: dict[str, Any]
    code: int = SUCCEEDED
    result: str = ""
    options: tuple[str, ...] = ()
    lines: int = 0  # number of numbered lines that its Pod prints
    heals: bool = False  # its Pods fail until the ConfigMap `healing` exists

    @property
    def is_polled(self) -> bool:
        """Return whether the Job also ends without the timeouts of run-job."""
        return not self.options


def healing(number: int) -> str:
    """Return the name of the ConfigMap that lets the Job with this number succeed."""
    return f"healed-{number}"


def _spec(command: str, env: list[object] | None = None, image: str = "busybox:1.37", **more: object) -> dict[str, Any]:
    container: dict[str, object] = {"name": "main", "image": image, "command": ["sh", "-c", command], "env": env or []}
    if "requests" in more:
        container["resources"] = {"requests": more.pop("requests")}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"backoffLimit": 6, **more, "template": {"spec": pod}}


def _succeeds(rng: random.Random, number: int) -> Outcome:
    command = f"sleep {rng.randint(1, 4)}; echo '{{\"number\": {number}}}' >/dev/termination-log"
    return Outcome(name="succeeds", spec=_spec(command), result=f'{{"number":{number}}}')


def _is_short(_: random.Random, __: int) -> Outcome:
    return Outcome(name="is short", spec=_spec("true"), result="null")


def _prints_much(_: random.Random, number: int) -> Outcome:
    numbers = f"seq $(({LINES // 6} * (p - 1) + 1)) $(({LINES // 6} * p))"
    command = f"for p in 1 2 3 4 5 6; do {numbers} | sed 's/^/line /'; sleep 0.5; done"
    return Outcome(
        name="prints much",
        spec=_spec(f"{command}; echo {number} >/dev/termination-log"),
        result=str(number),
        lines=LINES,
    )


def _fails(rng: random.Random, _: int) -> Outcome:
    command = f"sleep {rng.randint(0, 3)}; exit {rng.randint(1, 255)}"
    return Outcome(name="fails", spec=_spec(command, backoffLimit=0), code=FAILED)


def _is_killed(rng: random.Random, _: int) -> Outcome:
    command = f'sleep {rng.randint(0, 3)}; sh -c "kill -KILL \\$\\$"; exit $?'
    return Outcome(name="is killed", spec=_spec(command, backoffLimit=0), code=FAILED)


def _is_retried(_: random.Random, number: int) -> Outcome:
    command = f'[ "$HEALED" ] || exit 3; echo again {number} >/dev/termination-log'
    healed = {"configMapKeyRef": {"name": healing(number), "key": "healed", "optional": True}}
    spec = _spec(command, env=[{"name": "HEALED", "valueFrom": healed}])
    return Outcome(name="is retried", spec=spec, result=f'"again {number}"', heals=True)


def _has_several_pods(rng: random.Random, number: int) -> Outcome:
    command = f"sleep {rng.randint(0, 2)}; echo {number} >/dev/termination-log"
    spec = _spec(command, completions=3, parallelism=rng.randint(2, 3))
    return Outcome(name="has several Pods", spec=spec, result=str(number))


def _is_indexed(rng: random.Random, number: int) -> Outcome:
    command = f'[ "$JOB_COMPLETION_INDEX" = 1 ] || echo "[{number}, $JOB_COMPLETION_INDEX]" >/dev/termination-log'
    spec = _spec(command, completions=3, parallelism=rng.randint(1, 3), completionMode="Indexed")
    return Outcome(name="is indexed", spec=spec, result=f"[[{number},0],null,[{number},2]]")


def _never_starts(_: random.Random, __: int) -> Outcome:
    spec = _spec("true", image="gke-job.invalid/no-such-image:1")
    return Outcome(name="never starts", spec=spec, code=CONFIG, options=("--start-timeout", "3"))


def _finds_no_node(_: random.Random, __: int) -> Outcome:
    spec = _spec("true", requests={"cpu": "1000"})
    return Outcome(name="finds no node", spec=spec, code=TIMEOUT, options=("--schedule-timeout", "3"))


def _takes_too_long(_: random.Random, __: int) -> Outcome:
    return Outcome(name="takes too long", spec=_spec(FOREVER), code=TIMEOUT, options=("--timeout", "6"))


def _misses_its_deadline(rng: random.Random, _: int) -> Outcome:
    spec = _spec(FOREVER, activeDeadlineSeconds=rng.randint(2, 5))
    return Outcome(name="misses its deadline", spec=spec, code=FAILED)


OUTCOMES = (
    _succeeds,
    _is_short,
    _prints_much,
    _fails,
    _is_killed,
    _is_retried,
    _has_several_pods,
    _is_indexed,
    _never_starts,
    _finds_no_node,
    _takes_too_long,
    _misses_its_deadline,
)
