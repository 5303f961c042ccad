"""The demo but for what it runs: what it reads, writes on a screen, and says at the end."""

from __future__ import annotations

from demo.said import Said
from demo.show import Screen, documents, ending


def test_documents_are_found_however_they_arrive():
    text = '{"type": "ADDED", "object": {"a": "}{"}}\n{\n  "type": "DELETED"\n}\n'
    wanted = [{"type": "ADDED", "object": {"a": "}{"}}, {"type": "DELETED"}]
    for size in (1, 7, len(text)):
        assert list(documents(text[at : at + size] for at in range(0, len(text), size))) == wanted


def test_where_stdout_is_no_terminal_there_are_lines_alone(capsys):
    screen = Screen()
    screen.draw(["a bar [==]"])
    screen.say("a line" * 100)
    assert capsys.readouterr().out == "a line" * 100 + "\n"


def test_on_a_terminal_lines_scroll_above_what_is_drawn_anew(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "14")
    screen = Screen()
    screen.is_terminal = True
    screen.draw(["first", "second"])
    screen.say("a line that is long")
    screen.draw(["third"])
    assert capsys.readouterr().out == "first\nsecond\n\x1b[2A\x1b[Ja line that\n    is long\nthird\n"


def test_the_end_names_the_reports_and_the_log_of_airflow(tmp_path):
    for name in ("train-2.html", "train-1.html", "airflow.log"):
        (tmp_path / name).touch()
    text = ending(tmp_path, Said(), "success", {"best": {"rate": 0.1}})
    assert f"\n  {tmp_path}/train-1.html\n  {tmp_path}/train-2.html\n" in text
    assert f"\nAirflow's own log: {tmp_path}/airflow.log\n" in text
    assert 'DAG run: success; best of the sweep: {"rate": 0.1}' in text


def test_without_reports_it_says_so(tmp_path):
    assert "browser:\n  none\n" in ending(tmp_path, Said(), "failed", {})
