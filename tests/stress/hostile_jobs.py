"""The Jobs of a strings run: what each does, and with which exit codes the scripts may end."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stress.hostile import LARGE, texts

NOT_FINISHED, CONFIG, TIMEOUT = 75, 78, 124
RESULT = "status.containerStatuses[].state.terminated.message"  # the result itself, where the Pod succeeds
STUCK = "status.containerStatuses[].state.waiting.reason"  # whether a Pod that waits may heal
LOGGED = 12  # hostile texts in a log
PATIENCE = 15  # seconds of --start-timeout: what a forged FailedCreate would have to last


@dataclass(frozen=True, kw_only=True)
class HostileJob:
    """What one Job does.

    code, result: of run-job; put_off: another code, of a Job whose end its Events decide
    gone: whether run-job deletes the Job; excluded: fields of its Pods that decide
    """

    name: str
    number: int
    spec: dict[str, Any]
    code: int
    result: str = ""
    options: tuple[str, ...] = ("--start-timeout", str(PATIENCE))
    gone: bool = False
    excluded: tuple[str, ...] = ()
    put_off: int | None = None

    @property
    def run_codes(self) -> set[int]:
        """With what run-job may end."""
        return {self.code} if self.put_off is None else {self.code, self.put_off}

    def codes(self, script: str, *, finished: bool) -> set[int]:
        """With what another script may end, while run-job runs or after that."""
        if script == "follow-job":
            return {*self.run_codes, 1} if self.gone else {self.code}
        gone = {CONFIG} if self.gone else set()
        if script == "poll-job":
            return ({NOT_FINISHED} if self.gone or not finished else set()) | ({self.code} - {TIMEOUT}) | gone
        return {0} | (gone if script == "explain-job" else set())


def draw(seed: int, number: int, mark: Path) -> HostileJob:
    """Draw the Job with this number."""
    dice = random.Random(f"{seed}:{number}")
    kind = dice.choice(
        [_succeeds, _succeeds, _speaks, _fails, _fails, _is_indexed, _finds_no_node, _cannot_start, _is_refused]
    )
    return kind(dice, number, mark)


def _said(text: str, where: str) -> str:
    return f"echo {base64.b64encode(text.encode(errors='replace')).decode()} | base64 -d {where}"


def _spec(dice: random.Random, mark: Path, command: str, image: str = "busybox:1.37", **more: object) -> dict[str, Any]:
    """A spec whose Pods write hostile lines, and bear hostile annotations from the beginning."""
    small = [text for text in texts(mark) if LARGE not in text and "\0" not in text]  # render-job refuses NUL
    logged = [_said(f"{dice.choice(small)}\n", ">&2" if dice.random() < 0.5 else "") for _ in range(LOGGED)]
    if dice.random() < 0.3:
        logged.append("head -c 65536 /dev/zero | tr '\\0' L; head -c 3000 /dev/urandom; echo")
    pause = f"sleep {dice.randint(3, 7)}"
    program = "\n".join([*logged[::2], pause, *logged[1::2], command])
    container: dict[str, object] = {"name": "main", "image": image, "command": ["sh", "-c", program]}
    if "requests" in more:
        container["resources"] = {"requests": more.pop("requests")}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    notes = {key: dice.choice(small) for key in ("note", "example.com/note")}
    return {"backoffLimit": 0, **more, "template": {"metadata": {"annotations": notes}, "spec": pod}}


def _succeeds(dice: random.Random, number: int, mark: Path) -> HostileJob:
    spec = _spec(dice, mark, f"echo '{{\"number\": {number}}}' >/dev/termination-log")
    result = f'{{"number":{number}}}'
    return HostileJob(name="succeeds", number=number, spec=spec, code=0, result=result, excluded=(RESULT,))


def _speaks(dice: random.Random, number: int, mark: Path) -> HostileJob:
    said = [text.encode(errors="replace").decode() for text in texts(mark)]
    text = dice.choice([text for text in said if len(text) < 4000 and text.strip() and not _is_json(text)])
    spec = _spec(dice, mark, _said(text, ">/dev/termination-log"))
    result = json.dumps(text.removesuffix("\n"))
    return HostileJob(name="speaks", number=number, spec=spec, code=0, result=result, excluded=(RESULT,))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _fails(dice: random.Random, number: int, mark: Path) -> HostileJob:
    spec = _spec(dice, mark, f"{_said(dice.choice(texts(mark))[:4000], '>/dev/termination-log')}; exit 3")
    return HostileJob(name="fails", number=number, spec=spec, code=1)


def _is_indexed(dice: random.Random, number: int, mark: Path) -> HostileJob:
    command = '[ "$JOB_COMPLETION_INDEX" != 1 ] || exit 3'
    spec = _spec(dice, mark, command, completions=3, parallelism=3, completionMode="Indexed")
    return HostileJob(name="has a failed index", number=number, spec={**spec, "backoffLimitPerIndex": 0}, code=1)


def _finds_no_node(dice: random.Random, number: int, mark: Path) -> HostileJob:
    spec = _spec(dice, mark, "true", requests={"cpu": "1000"})
    options = ("--timeout", "9")
    return HostileJob(name="finds no node", number=number, spec=spec, code=TIMEOUT, options=options, gone=True)


def _cannot_start(dice: random.Random, number: int, mark: Path) -> HostileJob:
    spec = _spec(dice, mark, "true", image="gke-job.invalid/no-such-image:1")
    options, excluded = ("--start-timeout", "6"), (STUCK,)
    return HostileJob(
        name="cannot start", number=number, spec=spec, code=CONFIG, options=options, gone=True, excluded=excluded
    )


def _is_refused(dice: random.Random, number: int, mark: Path) -> HostileJob:
    """Its Events alone say that its Pods cannot be created, so that who writes Events can put its end off."""
    spec = _spec(dice, mark, "true")
    spec["template"]["spec"]["serviceAccountName"] = "missing"
    options = ("--start-timeout", "6", "--timeout", "20")
    return HostileJob(
        name="is refused", number=number, spec=spec, code=CONFIG, options=options, gone=True, put_off=TIMEOUT
    )
