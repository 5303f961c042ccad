"""Measures the data set. Variables: ROWS, SEED. Result: rows, features, bytes, positives (share of label 1)."""

import data


def main() -> None:
    labels = [row.label for row in data.from_environment()]
    size = len(labels) * (data.FEATURES + 1) * 8  # features and label as 64-bit floats
    print(f"{len(labels)} rows of {data.FEATURES} features, {size} bytes", flush=True)
    positives = round(sum(labels) / len(labels), 4)
    data.write_result({"rows": len(labels), "features": data.FEATURES, "bytes": size, "positives": positives})


if __name__ == "__main__":
    main()
