"""Evaluates a model on the held-out rows.

Variables: ROWS, SEED, TRAINED (JSON object, as train.py returns it). Result: accuracy (share of labels guessed
right), rows.
"""

import json
import os

import data


def main() -> None:
    weights = json.loads(os.environ["TRAINED"])["weights"]
    _, rows = data.split(data.from_environment())
    right = sum((data.probability(weights, row.features) > 0.5) == row.label for row in rows)
    accuracy = round(right / len(rows), 4)
    print(f"{right} of {len(rows)} labels right: accuracy {accuracy}", flush=True)
    data.write_result({"accuracy": accuracy, "rows": len(rows)})


if __name__ == "__main__":
    main()
