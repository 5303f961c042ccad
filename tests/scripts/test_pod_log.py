"""pod_log.py over a stub of `kubectl logs`: streams that break at a chosen byte cannot be had of the real one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

POD_LOG = Path(__file__).parents[2] / "scripts/lib/pod_log.py"

# Answers like `kubectl logs --timestamps` with the first of `streams`, which it takes away; notes the arguments.
STUB = """
import json, pathlib, sys
here = pathlib.Path(sys.argv[1])
first, *rest = json.loads((here / "streams").read_text())
(here / "streams").write_text(json.dumps(rest))
with (here / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[2:]) + "\\n")
if first.get("ends"):
    (here / "ended").touch()
sys.stdout.buffer.write(first["text"].encode("latin-1"))
sys.stderr.write(first.get("error", ""))
sys.exit(1 if "error" in first else 0)
"""
T = "2026-01-02T03:04:0{}.{:09d}Z".format


def pod_log(directory: Path, *command: str) -> list[str]:
    return [sys.executable, str(POD_LOG), "job-a1b2c", "a1b2c | ", str(directory / "ended"), *command]


@pytest.fixture
def copy(tmp_path):
    """Copies the log of a Pod whose streams are the given ones; returns the lines, the messages and the calls."""

    def run(*streams, ended=False, status=0):
        (tmp_path / "streams").write_text(json.dumps(streams))
        if ended:
            (tmp_path / "ended").touch()
        command = pod_log(tmp_path, sys.executable, "-c", STUB, str(tmp_path))
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert done.returncode == status, done.stderr
        assert json.loads((tmp_path / "streams").read_text()) == []
        lines = done.stdout.decode("latin-1").splitlines()
        return lines, done.stderr.decode(), (tmp_path / "calls").read_text().splitlines()

    return run


def test_every_line_gets_the_prefix_and_loses_the_time(copy):
    text = f"{T(1, 1)} one\n{T(1, 2)} \n{T(2, 0)} two  words\n"
    lines, said, calls = copy({"text": text}, ended=True)
    assert lines == ["a1b2c | one", "a1b2c | ", "a1b2c | two  words"]
    assert (said, calls) == ("", ["--follow --timestamps"])


def test_a_last_line_without_newline_gets_one(copy):
    assert copy({"text": f"{T(1, 1)} last"}, ended=True)[0] == ["a1b2c | last"]


def test_bytes_that_are_no_utf8_pass_unchanged(copy):
    assert copy({"text": f"{T(1, 1)} \xc3(\n"}, ended=True)[0] == ["a1b2c | \xc3("]


def test_a_line_that_is_too_long_goes_on_in_the_next(copy):
    lines, _, _ = copy({"text": f"{T(1, 1)} {'x' * (1 << 20)}\n{T(1, 2)} next\n"}, ended=True)
    assert [len(line.removeprefix("a1b2c | ")) for line in lines] == [(1 << 20) - len(T(1, 1)) - 1, len(T(1, 1)) + 1, 4]


def test_a_stream_that_ends_before_the_pod_is_taken_up_at_its_last_second(copy):
    first = f"{T(1, 1)} one\n{T(2, 1)} two\n{T(2, 2)} three\n"
    again = f"{T(2, 1)} two\n{T(2, 2)} three\n{T(2, 3)} four\n{T(3, 1)} five\n"
    lines, said, calls = copy({"text": first}, {"text": again, "ends": True}, {"text": f"{T(3, 1)} five\n"})
    assert [line[8:] for line in lines] == ["one", "two", "three", "four", "five"]
    assert said == ""
    assert calls == [
        "--follow --timestamps",
        "--follow --timestamps --since-time=2026-01-02T03:04:02Z",
        "--follow --timestamps --since-time=2026-01-02T03:04:03Z",
    ]


def test_lines_of_the_same_time_are_neither_lost_nor_repeated(copy):
    same = f"{T(1, 1)} same\n"
    lines, _, _ = copy({"text": same * 2}, {"text": same * 3, "ends": True}, {"text": same * 3})
    assert lines == ["a1b2c | same"] * 3


def test_half_a_line_is_read_again(copy):
    first, again = f"{T(1, 1)} one\n{T(1, 2)} tw", f"{T(1, 1)} one\n{T(1, 2)} two\n"
    lines, said, _ = copy({"text": first, "error": "unexpected EOF"}, {"text": again, "ends": True}, {"text": again})
    assert lines == ["a1b2c | one", "a1b2c | two"]
    assert said == "follow-job: the log of Pod job-a1b2c is read on in 0.5 s: unexpected EOF\n"


def test_lines_that_the_node_has_rotated_away_are_said_to_be_missing(copy):
    second = f"{T(5, 1)} five\n"
    lines, said, _ = copy({"text": f"{T(1, 1)} one\n"}, {"text": second, "ends": True}, {"text": second})
    assert lines == ["a1b2c | one", "a1b2c | five"]
    assert said == "follow-job: the log of Pod job-a1b2c may lack lines here: the node no longer has those before\n"


def test_a_log_that_cannot_be_read_at_the_end_is_given_up_with_the_reason(copy):
    lines, said, calls = copy(*[{"text": "", "error": "connection refused"}] * 3, ended=True, status=1)
    assert (lines, len(calls)) == ([], 3)
    assert said.splitlines()[-1] == (
        "follow-job: the log of Pod job-a1b2c cannot be read to its end: connection refused"
    )


def test_a_log_that_is_gone_is_given_up_at_once(copy):
    gone = 'Error from server (NotFound): pods "job-a1b2c" not found'
    _, said, calls = copy({"text": "", "error": gone}, status=1)
    assert said == f"follow-job: the log of Pod job-a1b2c cannot be read to its end: {gone}\n"
    assert len(calls) == 1


def test_a_line_is_there_before_the_stream_ends(tmp_path):
    program = f"import time; print('{T(1, 1)} first', flush=True); time.sleep(60)"
    with subprocess.Popen(pod_log(tmp_path, sys.executable, "-c", program), stdout=subprocess.PIPE) as reader:
        assert reader.stdout.readline() == b"a1b2c | first\n"
        assert reader.poll() is None
        reader.terminate()


def test_a_signal_ends_the_command_too(tmp_path):
    command = pod_log(tmp_path, "sh", "-c", f"echo {T(1, 1)} $$; exec sleep 60")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        child = int(reader.stdout.readline().split()[-1])
        reader.terminate()
        assert reader.wait(timeout=10) == 128 + signal.SIGTERM
    # Ended and waited for by its parent, so the process id is free.
    assert not os.path.exists(f"/proc/{child}")
