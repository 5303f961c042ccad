"""Trains a logistic regression by stochastic gradient descent.

Variables: ROWS, SEED, EPOCHS, LEARNING_RATE. Result: weights (the first is the intercept), loss (mean log loss of the
last epoch, in nats), epochs.
"""

import math
import os
from collections.abc import Sequence

import data


def epoch(weights: list[float], rows: Sequence[data.Row], learning_rate: float) -> float:
    """Runs one epoch, updates the weights in place, and returns the mean log loss."""
    loss = 0.0
    for features, label in rows:
        guess = data.probability(weights, features)
        loss -= math.log(max(guess if label else 1 - guess, 1e-12))
        step = learning_rate * (label - guess)
        for i, x in enumerate(features):
            weights[i] += step * x
    return loss / len(rows)


def main() -> None:
    rows, _ = data.split(data.from_environment())
    epochs = int(os.environ["EPOCHS"])
    weights = [0.0] * (data.FEATURES + 1)
    loss = math.nan
    for number in range(1, epochs + 1):
        # A decreasing step size lets the weights converge.
        loss = epoch(weights, rows, float(os.environ["LEARNING_RATE"]) / number)
        print(f"epoch {number}/{epochs}  loss {loss:.4f}", flush=True)
    data.write_result({"weights": [round(w, 6) for w in weights], "loss": round(loss, 6), "epochs": epochs})


if __name__ == "__main__":
    main()
