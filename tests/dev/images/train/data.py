"""The data set: points in a few dimensions, each with a label that a hidden logistic model drew.

The same rows and seed give the same data on every machine, so the Jobs need no shared storage.
"""

import json
import math
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FEATURES = 8
TEST_EVERY = 5  # every fifth row is held out for tests


class Row(NamedTuple):
    """One example. The features start with the constant 1, whose weight is the intercept."""

    features: tuple[float, ...]
    label: int  # 0 or 1


def sigmoid(x: float) -> float:
    """1 / (1 + e^-x), also where e^-x would overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def probability(weights: Sequence[float], features: Sequence[float]) -> float:
    """Return the logistic model: how probable label 1 is."""
    return sigmoid(sum(w * x for w, x in zip(weights, features, strict=True)))


def make(*, rows: int, seed: int) -> Iterator[Row]:
    """Yield the data set, row by row."""
    draw = random.Random(seed)
    hidden = [draw.gauss(0, 1.5) for _ in range(FEATURES + 1)]
    for _ in range(rows):
        features = (1.0, *(draw.gauss(0, 1) for _ in range(FEATURES)))
        yield Row(features, int(draw.random() < probability(hidden, features)))


def split(rows: Iterator[Row]) -> tuple[list[Row], list[Row]]:
    """Return rows to train on and rows to test with."""
    parts: tuple[list[Row], list[Row]] = ([], [])
    for index, row in enumerate(rows):
        parts[index % TEST_EVERY == 0].append(row)
    return parts


def from_environment() -> Iterator[Row]:
    """Return the data set that the variables ROWS and SEED describe."""
    return make(rows=int(os.environ["ROWS"]), seed=int(os.environ["SEED"]))


def write_result(result: dict[str, Any]) -> None:
    """Writes a result of at most 4096 bytes to the termination log, or to RESULT_FILE, to run without a cluster."""
    Path(os.environ.get("RESULT_FILE", "/dev/termination-log")).write_text(json.dumps(result))
