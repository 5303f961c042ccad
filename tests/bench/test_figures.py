from pathlib import Path

import pytest

from bench.figures import Row, count_lines, in_turn, language, memory_of, memory_of_all, percentile, ready_pods, table

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
