"""A stand-in for torch.distributed in plain Python: data-parallel training, with sockets instead of an all-reduce.

It reads the variables of torch.distributed: MASTER_ADDR, MASTER_PORT, WORLD_SIZE, RANK. Rank 0 listens and the others
connect to it. Each rank has its share of the rows; after each epoch all ranks continue with the mean of their weights.
Variables: ROWS, SEED, EPOCHS. Result: rank, rows (of its share), loss (mean over all ranks in the last epoch), and of
rank 0 the weights.
"""

import json
import os
import socket
import time
from typing import TextIO

import data
import train

RENDEZVOUS_SECONDS = 300


def rendezvous(rank: int, size: int) -> list[TextIO]:
    """Connect the ranks; return a connection to each other rank for rank 0, and one to rank 0 for the others."""
    address = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    if rank == 0:
        with socket.create_server(("", address[1])) as server:
            server.settimeout(RENDEZVOUS_SECONDS)
            return [server.accept()[0].makefile("rw") for _ in range(size - 1)]
    end = time.monotonic() + RENDEZVOUS_SECONDS
    while not (line := connect(address, patient=time.monotonic() < end)):
        time.sleep(0.5)
    return [line]


def connect(address: tuple[str, int], *, patient: bool) -> TextIO | None:
    """Connect to rank 0. If it does not listen yet, return None if `patient`, otherwise raise OSError."""
    try:
        return socket.create_connection(address).makefile("rw")
    except OSError as error:  # its Pod has no name yet, or does not listen
        if not patient:
            raise
        print(f"waiting for {address[0]}: {error}", flush=True)
        return None


def mean(rank: int, lines: list[TextIO], values: list[float]) -> list[float]:
    """Return the mean over all ranks, which rank 0 computes and sends. Raise EOFError when a rank has ended."""
    if rank == 0:
        gathered = [values, *map(receive, lines)]
        values = [sum(each) / len(gathered) for each in zip(*gathered, strict=True)]
    for line in lines:
        line.write(json.dumps(values) + "\n")
        line.flush()
    return values if rank == 0 else receive(lines[0])


def receive(line: TextIO) -> list[float]:
    """Return the next message of the other end. Raise EOFError at its end."""
    text = line.readline()
    if not text:
        raise EOFError("another rank is gone")
    return json.loads(text)


def main() -> None:
    rank, size, epochs = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "EPOCHS"))
    rows = data.split(data.from_environment())[0][rank::size]
    lines = rendezvous(rank, size)
    print(f"rank {rank} of {size}: all are there", flush=True)
    state = [0.0] * (data.FEATURES + 2)  # the weights, and then the loss
    for number in range(1, epochs + 1):
        weights = state[:-1]
        loss = train.epoch(weights, rows, 0.1 / number)
        state = mean(rank, lines, [*weights, loss])
        print(f"epoch {number}/{epochs}  loss {state[-1]:.4f}", flush=True)
    weights = {"weights": [round(weight, 6) for weight in state[:-1]]} if rank == 0 else {}
    data.write_result({"rank": rank, "rows": len(rows), "loss": round(state[-1], 6), **weights})


if __name__ == "__main__":
    main()
