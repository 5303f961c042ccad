"""The programs of the image train-model, each run as its container runs it but for the place of the result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "train"
DATA = {"ROWS": "2000", "SEED": "7"}


@pytest.fixture
def run(tmp_path):
    """Runs a program with these variables and nothing else; returns what it printed and its result."""

    def run(program: str, **variables: str) -> tuple[str, dict]:
        result = tmp_path / "result"
        done = subprocess.run(
            [sys.executable, "-B", PROGRAMS / program],
            env={**DATA, **variables, "RESULT_FILE": str(result)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stat().st_size <= 4096  # bytes that Kubernetes keeps of a termination message
        return done.stdout, json.loads(result.read_text())

    return run


def test_measure_counts_the_data(run):
    _, result = run("measure.py")
    assert (result["rows"], result["features"], result["bytes"]) == (2000, 8, 2000 * 9 * 8)
    assert 0.2 < result["positives"] < 0.8


def test_the_same_seed_gives_the_same_data_and_another_seed_other_data(run):
    first, again, other = (run("measure.py", SEED=seed)[1] for seed in ("7", "7", "8"))
    assert first == again != other


def test_training_prints_a_loss_per_epoch_that_falls(run):
    log, result = run("train.py", EPOCHS="5", LEARNING_RATE="0.1")
    losses = [float(line.rsplit(maxsplit=1)[1]) for line in log.splitlines()]
    assert len(losses) == 5
    assert losses[-1] < losses[0] < 0.694  # ln 2, the loss of a coin
    assert result["loss"] == pytest.approx(losses[-1], abs=1e-4)


def test_a_trained_model_is_better_on_unseen_rows_than_an_untrained_one(run):
    _, model = run("train.py", EPOCHS="5", LEARNING_RATE="0.1")
    _, trained = run("evaluate.py", WEIGHTS=json.dumps(model["weights"]))
    _, untrained = run("evaluate.py", WEIGHTS=json.dumps([0.0] * 9))
    assert trained["rows"] == 400
    assert trained["accuracy"] > untrained["accuracy"] + 0.1


def test_evaluate_refuses_a_model_of_another_size(run):
    with pytest.raises(subprocess.CalledProcessError):
        run("evaluate.py", WEIGHTS="[1.0]")
