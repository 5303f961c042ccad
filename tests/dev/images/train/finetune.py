"""A stand-in for fine-tuning with PyTorch on a GPU, in plain Python. It shows how to resume after a preemption.

It saves a checkpoint after every CHECKPOINT_EVERY steps and on SIGTERM, and resumes from the last one. A step uses all
rows once.
Variables: ROWS, SEED, STEPS, CHECKPOINT_EVERY, CHECKPOINTS (a directory that outlives the Pod). Result: steps, loss,
resumed_from (the step of the checkpoint from which this Pod resumed, or 0).
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import data
import train


def load(file: Path) -> dict[str, Any]:
    """Read the last checkpoint, or make the first one."""
    return json.loads(file.read_text()) if file.exists() else {"step": 0, "weights": [0.0] * (data.FEATURES + 1)}


def save(file: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically: a Pod may end in the middle of it, and an incomplete checkpoint is useless."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.replace(file)


class Preemption:
    """Records SIGTERM, which a Pod on a spot node gets some 15 seconds before its end. Without a handler, the first
    process of a container ignores it.
    """

    def __init__(self) -> None:
        self.is_near = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self.is_near = True


def main() -> None:
    preemption = Preemption()
    rows, _ = data.split(data.from_environment())
    steps, every = int(os.environ["STEPS"]), int(os.environ["CHECKPOINT_EVERY"])
    file = Path(os.environ["CHECKPOINTS"], "checkpoint.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    state = load(file)
    resumed_from, loss = state["step"], state.get("loss")
    if resumed_from:
        print(f"going on from the checkpoint of step {resumed_from}", flush=True)
    for step in range(resumed_from + 1, steps + 1):
        loss = train.epoch(state["weights"], rows, 0.1 / step)
        if step % every == 0 or step == steps or preemption.is_near:
            save(file, {"step": step, "weights": state["weights"], "loss": loss})
            print(f"step {step}/{steps}  loss {loss:.4f}  checkpoint saved", flush=True)
        if preemption.is_near and step < steps:
            sys.exit(128 + signal.SIGTERM)
    data.write_result({"steps": steps, "loss": round(loss, 6), "resumed_from": resumed_from})


if __name__ == "__main__":
    main()
