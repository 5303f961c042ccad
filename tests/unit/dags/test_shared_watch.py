"""One watch-jobs for many deferred tasks: scripts that misbehave."""

from __future__ import annotations

import asyncio
import json
import textwrap
import threading
from pathlib import Path

import pytest
from deferred_jobs import UID, fired, marked, trigger, until

from gke_job import paths, processes, shared_watch

COMPLETE = {"event": "job", "uid": UID, "state": "Complete", "finished": True}


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Makes a replacement for watch-jobs in Python: its `say` prints lines, its `stay` waits until it is ended."""
    monkeypatch.setattr(paths, "DAGS", tmp_path)
    monkeypatch.setattr(shared_watch, "FIRST_RESTART_DELAY", 0.01)
    (tmp_path / "scripts").mkdir()

    def script(body: str) -> Path:
        program = tmp_path / "program.py"
        program.write_text(
            "import json, pathlib, signal, sys\n"
            f"starts = pathlib.Path({str(tmp_path / 'starts')!r})\n"
            "starts.open('a').write('.')\n"
            "start = len(starts.read_text())\n"
            "def say(*lines):\n"
            "    for line in lines: print(line if isinstance(line, str) else json.dumps(line), flush=True)\n"
            "def stay(): signal.pause()\n"
            f"UID = {UID!r}\n"
            f"COMPLETE = json.loads({json.dumps(COMPLETE)!r})\n" + textwrap.dedent(body)
        )
        (tmp_path / "scripts" / "watch-jobs").write_text(f'exec "$GKE_JOB_PYTHON" {program}\n')
        return tmp_path / "starts"

    return script


def test_the_trigger_fires_when_the_job_is_finished_and_the_process_ends(script, mark):
    script('say({"event": "synced", "uids": []}, COMPLETE); stay()')

    async def main():
        assert await fired(trigger()) == ["finished"]
        await until(lambda: not marked(mark))

    asyncio.run(main())
    assert not shared_watch._watches


def test_very_long_lines_and_lines_that_are_not_reports_are_tolerated(script, caplog):
    script(
        """
        say('{"event": "synced", "uids": [' + '"x",' * 1_000_000 + '"y"]}')
        say("no JSON \\x1b[31m ::group::", "[]", "7", "[" * 100_000, '{"event": 7}', '{"event": "synced", "uids": 7}')
        say('{"event": "job", "uid": []}', '{"event": "gone"}', '{"event": "unreachable", "message": {}}')
        say({"event": "reachable"}, COMPLETE)
        stay()
        """
    )
    assert asyncio.run(fired(trigger())) == ["finished"]
    assert "\x1b" not in caplog.text
    assert "::group" not in caplog.text


def test_messages_of_watch_jobs_have_their_level_in_the_log_of_the_triggerer(script, caplog):
    script(
        """
        import os
        for level in (3, 4): print(f"<{level}>watch-jobs: level {level}", file=sys.stderr)
        print("watch-jobs: levels:", os.environ["GKE_JOB_LEVELS"], file=sys.stderr, flush=True)
        say({"event": "synced", "uids": []}, COMPLETE)
        """
    )
    caplog.set_level("INFO", "gke_job.shared_watch")
    asyncio.run(fired(trigger()))
    logged = {(record.levelname, record.getMessage()) for record in caplog.records}
    expected = {"level 3": "ERROR", "level 4": "WARNING", "levels: yes": "INFO"}
    assert {(level, f"watch-jobs: {text}") for text, level in expected.items()} <= logged


def test_an_endless_line_is_left_out(monkeypatch):
    monkeypatch.setattr(processes, "LONGEST_LINE", 100_000)

    async def main():
        stream = asyncio.StreamReader()
        stream.feed_data(b"first\n" + b"x" * 1_000_000 + b"\nlast\nrest")
        stream.feed_eof()
        return [line async for line in processes.lines(stream)]

    assert asyncio.run(main()) == [b"first", b"last"]


def test_a_watch_that_ends_unexpectedly_is_started_again_while_a_task_waits(script):
    starts = script(
        """
        say({"event": "synced", "uids": []})
        if start < 3: sys.exit(69)
        say(COMPLETE); stay()
        """
    )
    assert asyncio.run(fired(trigger())) == ["finished"]
    assert starts.read_text() == "..."


@pytest.mark.parametrize("status", [64, 77, 78])
def test_a_watch_that_fails_permanently_ends_all_waits(script, monkeypatch, status):
    monkeypatch.setattr("gke_job.waiting.RECHECK_SECONDS", 0)
    starts = script(f"print('watch-jobs: it is so', file=sys.stderr); sys.exit({status})")

    async def main():
        events = [event async for event in trigger().run()]
        assert [event.payload["reason"] for event in events] == ["watch_failed"]
        assert events[0].payload["message"] == "cannot watch Job train: watch-jobs: it is so"
        return await asyncio.gather(*(fired(trigger()) for _ in range(5)))

    assert asyncio.run(main()) == [["watch_failed"]] * 5
    assert starts.read_text() == ".."


def test_without_the_script_the_wait_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("gke_job.waiting.RECHECK_SECONDS", 0)
    monkeypatch.setattr(paths, "DAGS", tmp_path)
    assert asyncio.run(fired(trigger())) == ["watch_failed"]


def test_a_job_that_a_new_list_does_not_contain_is_gone(script):
    script(
        """
        say({**COMPLETE, "finished": False}, {"event": "synced", "uids": [UID]}, {"event": "synced", "uids": []})
        stay()
        """
    )
    assert asyncio.run(fired(trigger())) == ["gone"]


def test_a_late_waiter_gets_the_last_report_at_once_and_an_unknown_job_is_gone(script, monkeypatch):
    monkeypatch.setattr("gke_job.waiting.MISSING_SECONDS", 0.1)
    starts = script(
        """
        say({"event": "synced", "uids": []}, {**COMPLETE, "uid": "other", "finished": False}, COMPLETE)
        stay()
        """
    )

    async def main():
        first = asyncio.ensure_future(fired(trigger(uid="other")))
        await until(lambda: any(UID in watch.job_statuses for watch in shared_watch._watches.values()))
        assert await fired(trigger()) == ["finished"]
        assert await fired(trigger(uid="unknown")) == ["gone"]
        first.cancel()

    asyncio.run(main())
    assert starts.read_text() == "."


def test_the_wait_ends_by_unreachable_timeout_if_the_cluster_does_not_answer(script):
    script("stay()")
    assert asyncio.run(fired(trigger(limits={"unreachable_timeout": 0.2}))) == ["unreachable"]


def test_a_script_that_ignores_sigterm_is_killed(script, mark, monkeypatch):
    monkeypatch.setattr(processes, "END_SECONDS", 0.2)
    script("signal.signal(signal.SIGTERM, signal.SIG_IGN); say(COMPLETE); stay()")

    async def main():
        assert await fired(trigger()) == ["finished"]
        await until(lambda: not marked(mark))

    asyncio.run(main())


def test_it_works_in_a_thread_as_in_the_triggerer_of_airflow_2(script):
    script("say(COMPLETE); stay()")
    result = []
    thread = threading.Thread(target=lambda: result.append(asyncio.run(fired(trigger()))))
    thread.start()
    thread.join()
    assert result == [["finished"]]
