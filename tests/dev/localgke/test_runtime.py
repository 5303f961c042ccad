"""The container runtime: its log, and its error on a machine that cannot make containers."""

import asyncio
import io
import re
from pathlib import Path

import pytest

from localgke import runtime
from localgke.runtime import PARTIAL, check, pump

STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def logged(*chunks: bytes) -> list[list[bytes]]:
    """Returns the lines of a log, without their time, of a stream that brings these chunks one after the other."""

    async def scenario() -> bytes:
        reader, log = asyncio.StreamReader(), io.BytesIO()
        copying = asyncio.ensure_future(pump(reader, b"stdout", log))
        for chunk in chunks:
            reader.feed_data(chunk)
            await asyncio.sleep(0)  # the pump gets its turn
        reader.feed_eof()
        await copying
        return log.getvalue()

    lines = [line.split(b" ", 3) for line in asyncio.run(scenario()).splitlines()]
    assert all(STAMP.fullmatch(line[0]) for line in lines)
    return [line[1:] for line in lines]


def test_each_line_is_logged_as_a_whole_however_it_arrives() -> None:
    assert logged(b"one\ntw", b"o\n\n") == [[b"stdout", b"F", text] for text in (b"one", b"two", b"")]


def test_bytes_that_are_not_text_are_logged_unchanged() -> None:
    assert logged(b"\xff\n") == [[b"stdout", b"F", b"\xff"]]


def test_a_long_line_and_one_without_an_end_are_logged_in_parts() -> None:
    lines = logged(b"x" * (PARTIAL + 1) + b"\n", b"rest")
    assert [(tag, len(text)) for _, tag, text in lines] == [(b"P", PARTIAL), (b"F", 1), (b"P", 4)]


def test_the_error_on_a_machine_that_cannot_make_containers_has_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "sandbox.py"
    broken.write_text("import json, os, sys\nos.write(json.load(sys.stdin)['error_fd'], b'unshare: not permitted')\n")
    monkeypatch.setattr(runtime, "SANDBOX", broken)
    with pytest.raises(runtime.SandboxError, match="unshare: not permitted: run as root, or allow user namespaces"):
        asyncio.run(check())
