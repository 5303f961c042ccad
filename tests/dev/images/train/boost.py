"""A stand-in for XGBoost in plain Python: gradient boosting of stumps, trees of one split each.

Variables: ROWS, SEED, ROUNDS. Result: rounds, accuracy (share of labels of held-out rows guessed right).
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

import data

RATE = 0.5


class Stump(NamedTuple):
    """Adds `low` to the score of a row whose feature is at most `limit`, else `high`."""

    feature: int
    limit: float
    low: float
    high: float

    def score(self, features: Sequence[float]) -> float:
        """Returns what the stump adds to the score of a row."""
        return self.low if features[self.feature] <= self.limit else self.high


def best_stump(rows: Sequence[data.Row], orders: Sequence[Sequence[int]], errors: Sequence[float]) -> Stump:
    """Returns the stump with the smallest squared error. `orders`: for each feature, the rows ordered by its value."""
    total, count = sum(errors), len(rows)
    best, gain = Stump(0, 0.0, total / count, total / count), 0.0
    for feature, order in enumerate(orders, start=1):
        left = 0.0
        for number, row in enumerate(order[:-1], start=1):
            left += errors[row]
            found = left**2 / number + (total - left) ** 2 / (count - number)
            if found > gain:
                gain = found
                limit = rows[row].features[feature]
                best = Stump(feature, limit, RATE * left / number, RATE * (total - left) / (count - number))
    return best


def main() -> None:
    rows, held_out = data.split(data.from_environment())
    orders = [sorted(range(len(rows)), key=lambda row: rows[row].features[i]) for i in range(1, data.FEATURES + 1)]
    scores, stumps = [0.0] * len(rows), []
    rounds = int(os.environ["ROUNDS"])
    for number in range(1, rounds + 1):
        # Four times the gradient of the log loss: its second derivative is at most a quarter.
        errors = [4 * (row.label - data.sigmoid(score)) for row, score in zip(rows, scores, strict=True)]
        stumps.append(best_stump(rows, orders, errors))
        scores = [score + stumps[-1].score(row.features) for row, score in zip(rows, scores, strict=True)]
        right = sum((score > 0) == row.label for row, score in zip(rows, scores, strict=True))
        print(f"round {number}/{rounds}  accuracy {right / len(rows):.4f}", flush=True)
    right = sum((sum(stump.score(row.features) for stump in stumps) > 0) == row.label for row in held_out)
    data.write_result({"rounds": rounds, "accuracy": round(right / len(held_out), 4)})


if __name__ == "__main__":
    main()
