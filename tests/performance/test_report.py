import xml.etree.ElementTree as ElementTree

import pytest

from performance import readme
from performance.charts import bars
from performance.report import number, outcomes, spread, table, text

MEASURED = {
    "about": {"cluster": "localgke", "rounds": 2, "jobs": 100, "cpus": 2, "memory": "24 GiB"}
    | {"parts": {"single": {"date": "2026-01-02", "load": 0.5}}, "versions": {"apache-airflow": "3.3.2"}},
    "values": {"finish": {"ours": [0.1, 0.3], "kubernetes-job": [4, 8]}},
    "requests": {},
    "outcomes": [],
}


def outcome(**more):
    return {
        "case": "outage 30",
        "way": "ours",
        "state": "success",
        "seconds": 0.5,
        "before": False,
        "job": "complete",
        **more,
    }


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (0.0123, "0.012"), (0.3, "0.30"), (9.96, "9.96"), (12.34, "12.3"), (1234, "1234")]
)
def test_a_number_has_the_digits_that_count(value, expected):
    assert number(value) == expected


def test_a_spread_is_median_and_least_and_most():
    assert spread([3, 1, 2]) == "2.00 (1.00 to 3.00)"
    assert spread([3]) == "3.00"
    assert spread([1, 1], p95=True) == "1.00 (1.00 to 1.00; p95 1.00)"


def test_columns_of_a_table_are_aligned():
    assert table(("a", "b"), [("long", "x")]) == "| a    | b |\n| ---- | --- |\n| long | x |"


def test_a_report_has_the_measured_alone_beside_all_goals():
    report = text(MEASURED)
    assert "0.20 (0.10 to 0.30; p95 0.29)" in report
    assert "not measured" in report
    assert "KubernetesPodOperator" not in report
    assert "### When" not in report


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (outcome(), "success 0.50 s later"),
        (outcome(state="failed", before=True), "failed 0.50 s after the server went away; the Job is then complete"),
        (outcome(state="running", seconds=None), "does not end"),
    ],
)
def test_an_outcome_says_what_came_of_the_task_and_when(given, expected):
    assert expected in outcomes({**MEASURED, "outcomes": [given]})


def test_a_plot_has_a_title_a_description_and_a_bar_for_each_way():
    svg = ElementTree.fromstring(bars("a < b", "s", MEASURED["values"]["finish"]))
    space = "{http://www.w3.org/2000/svg}"
    assert svg.find(f"{space}title").text == "a < b, s"
    assert svg.find(f"{space}desc").text == "Medians. GkeJobOperator: 0.20 s; KubernetesJobOperator: 6.00 s"
    assert [bar.get("class") for bar in svg.iter(f"{space}rect")] == ["ours", "peer"]


def test_nothing_is_divided_by_zero_in_a_plot():
    assert 'width="1.0"' in bars("none", "", {"ours": [0]})


def test_the_page_keeps_what_stands_around_the_measured():
    page = f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n"
    assert readme.replaced(page, "new") == f"before\n{readme.BEGIN}\nnew\n{readme.END}\nafter\n"


def test_readme_and_plots_are_those_of_the_committed_values():
    page, measured = readme.README.read_text(), readme.read()
    assert readme.replaced(page, readme.block(measured)) == page
    made = {name: svg for of_cluster in measured.values() for name, svg in readme.plots(of_cluster).items()}
    assert {path.name: path.read_text() for path in readme.MEASURED.glob("*.svg")} == made
