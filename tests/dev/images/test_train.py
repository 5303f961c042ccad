"""The programs of the image train-model, run as in a container except for the path of the result."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "train"
DATA = {"ROWS": "2000", "SEED": "7"}


@pytest.fixture
def run(tmp_path):
    """Runs a program with only these variables; returns its output and its result."""

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
    _, trained = run("evaluate.py", TRAINED=json.dumps(model))
    _, untrained = run("evaluate.py", TRAINED='{"weights": [0, 0, 0, 0, 0, 0, 0, 0, 0]}')
    assert trained["rows"] == 400
    assert trained["accuracy"] > untrained["accuracy"] + 0.1


def test_evaluate_refuses_a_model_of_another_size(run):
    with pytest.raises(subprocess.CalledProcessError):
        run("evaluate.py", TRAINED='{"weights": [1]}')


def test_boosting_is_better_than_the_more_frequent_label(run):
    log, result = run("boost.py", ROUNDS="8")
    assert len(log.splitlines()) == result["rounds"] == 8
    assert result["accuracy"] > 0.65


def test_fine_tuning_resumes_from_a_checkpoint(run, tmp_path):
    steps = {"CHECKPOINT_EVERY": "2", "CHECKPOINTS": str(tmp_path / "run")}
    _, first = run("finetune.py", STEPS="4", **steps)
    log, second = run("finetune.py", STEPS="6", **steps)
    assert (first["resumed_from"], second["resumed_from"]) == (0, 4)
    assert log.startswith("going on from the checkpoint of step 4\nstep 6/6")
    assert second["loss"] < first["loss"]


def test_fine_tuning_saves_a_checkpoint_on_sigterm(tmp_path):
    variables = {"STEPS": "100000", "CHECKPOINT_EVERY": "1000", "CHECKPOINTS": str(tmp_path), **DATA, "ROWS": "100"}
    program = subprocess.Popen([sys.executable, "-B", PROGRAMS / "finetune.py"], env=variables, stdout=subprocess.PIPE)
    assert program.stdout
    assert b"step 1000/" in program.stdout.readline()
    program.terminate()
    program.communicate()
    assert program.returncode == 143
    assert json.loads((tmp_path / "checkpoint.json").read_text())["step"] >= 1000


def test_a_try_of_a_sweep_returns_its_parameters(run, tmp_path):
    item = {"learning_rate": 0.1, "epochs": 2}
    (tmp_path / "item").write_text(json.dumps(item))
    _, result = run("try_one.py", ITEM_FILE=str(tmp_path / "item"))
    assert result.items() >= item.items()
    assert result["accuracy"] > 0.7


def test_ranks_train_one_model_on_shares_of_the_rows(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    group = {**DATA, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "EPOCHS": "2"}
    programs = [
        subprocess.Popen(
            [sys.executable, "-B", PROGRAMS / "together.py"],
            env={**group, "RANK": str(rank), "RESULT_FILE": str(tmp_path / str(rank))},
        )
        for rank in (1, 0)  # rank 0 starts last, so that rank 1 has to wait for it
    ]
    assert [program.wait() for program in programs] == [0, 0]
    first, second = (json.loads((tmp_path / rank).read_text()) for rank in "01")
    assert (first["rows"], second["rows"], first["loss"]) == (800, 800, second["loss"])
    assert len(first["weights"]) == 9
