"""The Jobs of a strings run, and the exit codes with which the scripts may end."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stress.hostile import LARGE, texts

NOT_FINISHED, CONFIG, TIMEOUT = 75, 78, 124
RESULT = "status.containerStatuses[].state.terminated.message"  # the result of a Pod that succeeds
STUCK = "status.containerStatuses[].state.waiting.reason"  # decides whether a waiting Pod may still start
LOGGED = 12  # number of hostile texts in a log
START_TIMEOUT = 15  # seconds of --start-timeout: a forged FailedCreate would have to stay that long


@dataclass(frozen=True, kw_only=True)
class HostileJob:
    """One Job.

    code, result: of run-job. late_code: another possible code, if Events decide the end of the Job. deleted: whether
    run-job deletes the Job. excluded: fields of its Pods that decide its outcome.
    """

    name: str
    number: int
    spec: dict[str, Any]
    code: int
    result: str = ""
    options: tuple[str, ...] = ("--start-timeout", str(START_TIMEOUT))
    deleted: bool = False
    excluded: tuple[str, ...] = ()
    late_code: int | None = None

    @property
    def run_codes(self) -> set[int]:
        """Return the exit codes with which run-job may end."""
        return {self.code} if self.late_code is None else {self.code, self.late_code}

    def codes(self, script: str, *, finished: bool) -> set[int]:
        """Return the exit codes with which another script may end, while run-job runs or when it has finished."""
        if script == "follow-job":
            return {*self.run_codes, 1} if self.deleted else {self.code}
        not_found = {CONFIG} if self.deleted else set()
        if script == "poll-job":
            return ({NOT_FINISHED} if self.deleted or not finished else set()) | ({self.code} - {TIMEOUT}) | not_found
        return {0} | (not_found if script == "explain-job" else set())


def draw(seed: int, number: int, mark: Path) -> HostileJob:
    """Draw the Job with this number."""
    rng = random.Random(f"{seed}:{number}")
    kind = rng.choice(
        [
            _succeeds,
            _succeeds,
            _has_text_result,
            _fails,
            _fails,
            _is_indexed,
            _finds_no_node,
            _cannot_start,
            _is_refused,
        ]
    )
    return kind(rng, number, mark)


def _print_command(text: str, where: str) -> str:
    return f"echo {base64.b64encode(text.encode(errors='replace')).decode()} | base64 -d {where}"


def _spec(rng: random.Random, mark: Path, command: str, image: str = "busybox:1.37", **more: object) -> dict[str, Any]:
    """Return a spec whose Pods print hostile lines and are created with hostile annotations."""
    small = [text for text in texts(mark) if LARGE not in text and "\0" not in text]  # render-job refuses NUL
    logged = [_print_command(f"{rng.choice(small)}\n", ">&2" if rng.random() < 0.5 else "") for _ in range(LOGGED)]
    if rng.random() < 0.3:
        logged.append("head -c 65536 /dev/zero | tr '\\0' L; head -c 3000 /dev/urandom; echo")
    pause = f"sleep {rng.randint(3, 7)}"
    program = "\n".join([*logged[::2], pause, *logged[1::2], command])
    container: dict[str, object] = {"name": "main", "image": image, "command": ["sh", "-c", program]}
    if "requests" in more:
        container["resources"] = {"requests": more.pop("requests")}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    notes = {key: rng.choice(small) for key in ("note", "example.com/note")}
    return {"backoffLimit": 0, **more, "template": {"metadata": {"annotations": notes}, "spec": pod}}


def _succeeds(rng: random.Random, number: int, mark: Path) -> HostileJob:
    spec = _spec(rng, mark, f"echo '{{\"number\": {number}}}' >/dev/termination-log")
    result = f'{{"number":{number}}}'
    return HostileJob(name="succeeds", number=number, spec=spec, code=0, result=result, excluded=(RESULT,))


def _has_text_result(rng: random.Random, number: int, mark: Path) -> HostileJob:
    printable = [text.encode(errors="replace").decode() for text in texts(mark)]
    text = rng.choice([text for text in printable if len(text) < 4000 and text.strip() and not _is_json(text)])
    spec = _spec(rng, mark, _print_command(text, ">/dev/termination-log"))
    result = json.dumps(text.removesuffix("\n"))
    return HostileJob(name="has a text result", number=number, spec=spec, code=0, result=result, excluded=(RESULT,))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _fails(rng: random.Random, number: int, mark: Path) -> HostileJob:
    spec = _spec(rng, mark, f"{_print_command(rng.choice(texts(mark))[:4000], '>/dev/termination-log')}; exit 3")
    return HostileJob(name="fails", number=number, spec=spec, code=1)


def _is_indexed(rng: random.Random, number: int, mark: Path) -> HostileJob:
    command = '[ "$JOB_COMPLETION_INDEX" != 1 ] || exit 3'
    spec = _spec(rng, mark, command, completions=3, parallelism=3, completionMode="Indexed")
    return HostileJob(name="has a failed index", number=number, spec={**spec, "backoffLimitPerIndex": 0}, code=1)


def _finds_no_node(rng: random.Random, number: int, mark: Path) -> HostileJob:
    spec = _spec(rng, mark, "true", requests={"cpu": "1000"})
    options = ("--timeout", "9")
    return HostileJob(name="finds no node", number=number, spec=spec, code=TIMEOUT, options=options, deleted=True)


def _cannot_start(rng: random.Random, number: int, mark: Path) -> HostileJob:
    spec = _spec(rng, mark, "true", image="gke-job.invalid/no-such-image:1")
    options, excluded = ("--start-timeout", "6"), (STUCK,)
    return HostileJob(
        name="cannot start", number=number, spec=spec, code=CONFIG, options=options, deleted=True, excluded=excluded
    )


def _is_refused(rng: random.Random, number: int, mark: Path) -> HostileJob:
    """Only Events report that its Pods cannot be created, so a forged Event can delay its end."""
    spec = _spec(rng, mark, "true")
    spec["template"]["spec"]["serviceAccountName"] = "missing"
    options = ("--start-timeout", "6", "--timeout", "20")
    return HostileJob(
        name="is refused", number=number, spec=spec, code=CONFIG, options=options, deleted=True, late_code=TIMEOUT
    )
