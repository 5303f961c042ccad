"""The demo without its programs: input, screen, and last text."""

from __future__ import annotations

from demo.show import Screen, documents, ending
from demo.toolkit_lines import Output


def test_documents_are_found_in_chunks_of_any_size():
    text = '{"type": "ADDED", "object": {"a": "}{"}}\n{\n  "type": "DELETED"\n}\n'
    wanted = [{"type": "ADDED", "object": {"a": "}{"}}, {"type": "DELETED"}]
    for size in (1, 7, len(text)):
        assert list(documents(text[at : at + size] for at in range(0, len(text), size))) == wanted


def test_without_a_terminal_only_lines_are_printed(capsys):
    screen = Screen()
    screen.draw(["a bar [==]"])
    screen.print("a line" * 100)
    assert capsys.readouterr().out == "a line" * 100 + "\n"


def test_on_a_terminal_lines_scroll_above_the_drawing(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "14")
    screen = Screen()
    screen.is_terminal = True
    screen.draw(["first", "second"])
    screen.print("a line that is long")
    screen.draw(["third"])
    assert capsys.readouterr().out == "first\nsecond\n\x1b[2A\x1b[Ja line that\n    is long\nthird\n"


def test_the_end_names_the_reports_and_the_log_of_airflow(tmp_path):
    for name in ("train-2.html", "train-1.html", "airflow.log"):
        (tmp_path / name).touch()
    text = ending(tmp_path, Output(), "success", {"best": {"rate": 0.1}})
    assert f"\n  {tmp_path}/train-1.html\n  {tmp_path}/train-2.html\n" in text
    assert f"\nAirflow's own log: {tmp_path}/airflow.log\n" in text
    assert 'DAG run: success; best of the sweep: {"rate": 0.1}' in text


def test_the_end_reports_missing_reports(tmp_path):
    assert "browser:\n  none\n" in ending(tmp_path, Output(), "failed", {})
