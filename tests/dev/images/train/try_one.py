"""One try of a hyper-parameter sweep: trains with the parameters of its item, and returns the accuracy of the model.

Variables: ROWS, SEED, ITEM_FILE (JSON: learning_rate, epochs). Result: the item, and accuracy on held-out rows.
"""

import json
import os
from pathlib import Path

import data
import train


def main() -> None:
    item = json.loads(Path(os.environ["ITEM_FILE"]).read_text())
    rows, held_out = data.split(data.from_environment())
    weights = [0.0] * (data.FEATURES + 1)
    for number in range(1, item["epochs"] + 1):
        loss = train.epoch(weights, rows, item["learning_rate"] / number)
        print(f"{item}  epoch {number}  loss {loss:.4f}", flush=True)
    right = sum((data.probability(weights, row.features) > 0.5) == row.label for row in held_out)
    data.write_result({**item, "accuracy": round(right / len(held_out), 4)})


if __name__ == "__main__":
    main()
