from pathlib import Path

import pytest

from performance.figures import (
    Row,
    columns,
    connected_to,
    count_lines,
    delays,
    in_turn,
    increments,
    language,
    memory_of,
    memory_of_all,
    merged,
    most_at_once,
    percentile,
    ready_pods,
    table,
)

ROLLUP = """\
00400000-7ffc1000 ---p 00000000 00:00 0                                  [rollup]
Rss:                4000 kB
Pss:                2500 kB
Pss_Dirty:           900 kB
Private_Clean:      1000 kB
Private_Dirty:       800 kB
"""


def test_memory_is_in_bytes_and_private_is_clean_and_dirty():
    assert memory_of(ROLLUP) == {"Private_Dirty": 800 * 1024, "Private": 1800 * 1024, "Pss": 2500 * 1024}


def test_memory_of_a_tree_is_the_sum_of_its_processes():
    assert memory_of_all([ROLLUP, ROLLUP])["Pss"] == 5000 * 1024
    assert memory_of_all([])["Pss"] == 0


def test_a_pod_is_ready_once_however_often_its_line_comes():
    log = "a | compare-ready 0\nb | compare-ready 1\na | compare-ready 0\nsh -c 'echo compare-ready 7'\n"
    assert ready_pods(log) == 2


def test_each_round_has_both_and_neither_is_always_first():
    assert in_turn(["this", "other"], 2) == [(0, "this"), (0, "other"), (1, "other"), (1, "this")]


def test_percentiles():
    assert percentile([1.0], 95) == 1.0
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("run-job", "#!/usr/bin/env bash\n", "Bash"),
        ("render-job", "#!/usr/bin/env python3\n", "Python"),
        ("common.bash", "# shellcheck shell=bash\n", "Bash"),
        ("result.py", "", "Python"),
        ("schema.json", "{}", None),
    ],
)
def test_languages(name, text, expected):
    assert language(name, text) == expected


def test_lines_are_counted_by_language(tmp_path: Path):
    (tmp_path / "lib" / "__pycache__").mkdir(parents=True)
    (tmp_path / "run-job").write_text("#!/usr/bin/env bash\ntrue\n")
    (tmp_path / "lib" / "a.py").write_text("1\n2\n3\n")
    (tmp_path / "lib" / "__pycache__" / "b.py").write_text("1\n")
    assert count_lines(tmp_path) == {"Bash": 2, "Python": 3}


def test_nothing_is_divided_by_zero():
    assert Row("requests", "1/min", 1, 0).ratio is None
    assert "0.50" in table([Row("cpu", "s", 0.5, 1)])


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], 0),
        ([(0, 5)], 1),
        ([(0, 5), (5, 9)], 1),
        ([(0, 5), (4, 9), (4.5, 6)], 3),
        ([(0, 1), (2, 3), (2, 4)], 2),
    ],
)
def test_the_most_at_once(intervals, expected):
    assert most_at_once(intervals) == expected


def test_a_delay_needs_both_moments():
    assert delays({"a": 1.0, "b": 2.0}, {"a": 1.5, "c": 9.0}) == [0.5]


def test_increments_come_to_each_count_within_the_limit():
    assert increments([10, 1, 100], 100) == [1, 9, 90]
    assert increments([1, 10, 6, 6], 6) == [1, 5]


def test_a_socket_is_connected_to_a_port_when_its_remote_end_is_that_port():
    tcp = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:A3C2 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:A3C2 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 20 4 30 10 -1
   3: 0100007F:A3C4 0100007F:1F90 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0
"""
    assert connected_to(8080, tcp) == {"12"}


def test_a_part_that_is_measured_again_replaces_the_one_before():
    def run(part, measure, case):
        outcomes = [{"case": case, "way": "ours"}]
        return {"about": {"parts": {part: measure}}, "values": {measure: part}, "requests": {}, "outcomes": outcomes}

    both = merged(merged(run("a", "x", "fails"), run("b", "y", "deleted")), run("b", "y", "deleted"))
    assert both["about"]["parts"] == {"a": "x", "b": "y"}
    assert both["values"] == {"x": "a", "y": "b"}
    assert [outcome["case"] for outcome in both["outcomes"]] == ["fails", "deleted"]


def test_a_column_has_no_figure_where_nothing_was_measured():
    lines = columns([("wall time", "s", {"ours": 12})], ("ours", "theirs")).splitlines()
    assert lines[0].split() == ["unit", "ours", "theirs"]
    assert lines[1].split() == ["wall", "time", "s", "12"]
