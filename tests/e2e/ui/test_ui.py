"""The toolkit in Airflow's UI, in a browser: an example DAG from its form to its result, and the tasks of seen.py,
which end in each possible way.

Needs Chromium, gcloud and gke-gcloud-auth-plugin in PATH, and the port of `make airflow`.
"""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e.ui.chromium import chromium
from e2e.ui.pages import Airflow2, Airflow3, Airflow31

SEEN = Path(__file__).with_name("seen.py")
MAKE_AIRFLOW = Path(__file__).parents[2] / "dev/demo/airflow"
TASKS = ["measure", "choose_profile", "train", "evaluate", "report"]
RUN_SECONDS = 900  # on Airflow 2.11 with SQLite one task runs at a time
PAGE_TIMEOUT_SECONDS = 90  # for an element to appear

expect.set_options(timeout=PAGE_TIMEOUT_SECONDS * 1000)


@pytest.fixture(scope="session")
def airflow() -> Iterator[tuple[str, str]]:
    """Run `make airflow`; yield the URL and the password of the UI."""
    command = ["env", "--default-signal=INT", MAKE_AIRFLOW, SEEN]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if match := re.search(r"the UI is at (\S+), user admin, password (\S+);", line):
                break
        else:
            pytest.fail("".join(lines))
        yield match[1], match[2]
        process.send_signal(signal.SIGINT)
        process.communicate()


@pytest.fixture(scope="session")
def page(airflow) -> Iterator[Page]:
    """A page of a browser with a logged-in user."""
    address, password = airflow
    with chromium() as browser:
        page = browser.new_context(base_url=address, viewport={"width": 1800, "height": 1000}).new_page()
        page.set_default_timeout(PAGE_TIMEOUT_SECONDS * 1000)
        page.goto("/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Dags").first.wait_for()
        yield page


@pytest.fixture(scope="session")
def ui(page) -> Airflow3:
    """The page objects of this Airflow."""
    return {"2.11": Airflow2, "3.1": Airflow31}.get(version("apache-airflow").rpartition(".")[0], Airflow3)(page)


@pytest.fixture(scope="session")
def runs(ui) -> dict[str, str]:
    """Start the runs and wait for their ends; return their URLs by DAG. The params of the example are no defaults."""
    runs = {"seen": ui.trigger("seen"), "train_model": ui.trigger("train_model", rows="2000", epochs="2")}
    for run in runs.values():
        expect(ui.state(run)).to_contain_text(re.compile("success|failed", re.IGNORECASE), timeout=RUN_SECONDS * 1000)
    return runs


@pytest.fixture
def run(runs) -> str:
    """The URL of the run of the example."""
    return runs["train_model"]


@pytest.fixture
def seen(runs) -> str:
    """The URL of the run of the DAG `seen`."""
    return runs["seen"]


def messages(log: Locator) -> list[tuple[str, str]]:
    """Return level and text of the visible lines of a log."""
    return re.findall(r"^.*?\b(DEBUG|INFO|WARNING|ERROR)\s+-\s+(.*)$", log.inner_text(), re.MULTILINE)


def test_the_form_starts_a_run_without_a_named_cluster_and_it_succeeds(ui, run):
    expect(ui.state(run)).to_contain_text("success", ignore_case=True)


def test_the_graph_shows_the_operator_of_each_task(ui, run):
    nodes = ui.graph(run)
    expect(nodes).to_have_count(len(TASKS))
    job, function = "GkeJobOperator", "@task"
    for task, kind in zip(TASKS, [job, function, job, job, function], strict=True):
        node = nodes.filter(has_text=re.compile(f"^{task}"))
        expect(node).to_contain_text(kind)
        expect(node).to_contain_text("success")


def test_the_log_of_a_task_shows_its_job_and_the_output_of_its_pods(ui, page, run):
    ui.open_task(run, "train", "log")
    expect(page.get_by_text(re.compile(r"submit-job: created Job train-model-train-\w+")).first).to_be_visible()
    expect(page.get_by_text("epoch 2/2")).to_be_visible()
    expect(page.get_by_text(re.compile(r"follow-job: Job \S+ is complete")).first).to_be_visible()


def test_the_values_of_the_job_are_among_the_rendered_templates(ui, page, run):
    ui.open_task(run, "train", "values")
    expect(page.get_by_text("python3").first).to_be_visible()
    expect(page.get_by_text(re.compile("[\"']2000[\"']")).first).to_be_visible()


def test_each_part_of_the_result_is_an_xcom(ui, page, run):
    ui.open_task(run, "evaluate", "xcom")
    for key in ("accuracy", "rows", "return_value"):
        expect(page.get_by_role("cell", name=key, exact=True)).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^rows"))).to_contain_text("400")  # a fifth is held out


@pytest.mark.parametrize(
    ("task", "map_index"), [("linked", None), ("deferred", None), ("failing", None), ("derived", None), ("mapped", 0)]
)
def test_the_details_of_a_task_link_to_its_job_and_to_its_logs(ui, seen, task, map_index):
    ui.open_task(seen, task, "details", map_index=map_index)
    job, project = rf"seen-{task}-\w+", "project=localgke-project"
    console = rf"^https://console\.cloud\.google\.com/kubernetes/job/europe-west4/ml-cluster/default/{job}/details\?{project}$"
    expect(ui.links("Job in Google Cloud console")).to_have_attribute("href", re.compile(console))
    logs = rf"^https://console\.cloud\.google\.com/logs/query;query=.*ml-cluster.*{job}%22\?{project}$"
    expect(ui.links("Logs in Cloud Logging")).to_have_attribute("href", re.compile(logs))


def test_a_task_without_a_named_cluster_has_no_broken_link(ui, page, seen):
    ui.open_task(seen, "without_cluster", "details")
    expect(page.get_by_text("Pool", exact=True).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    for name in ("Job in Google Cloud console", "Logs in Cloud Logging"):
        expect(ui.links(name)).to_have_count(0)


def test_the_log_folds_all_lines_except_those_of_pods_and_scripts(ui, page, seen):
    shown = messages(ui.log(seen, "linked", "is complete"))
    assert {level for level, _ in shown} == {"INFO"}
    timeline = r"(timeline|gke-job-summary|time): |20\d\d-|\d+ Pod|Pod\s+node|\w{5}\s+\S+\s+\[|[-.=vp] "
    expected = re.compile(rf"gke-job \d|(submit-job|run-job|follow-job): |\w{{5}} \| |{timeline}|null" + ui.UNFOLDED)
    assert [text for _, text in shown if not expected.match(text)] == []
    assert any(re.fullmatch(r"\w{5} \| a line of a Pod", text) for _, text in shown)
    command = page.get_by_text(re.compile("scripts/run-job --project localgke-project")).first
    expect(command).not_to_be_visible()
    page.get_by_text(re.compile("Command to repeat this run")).first.click()
    expect(command).to_be_visible()


def test_the_log_of_a_failed_task_has_warnings_one_error_and_no_traceback_below_the_operator(ui, seen):
    log = ui.log(seen, "failing", r"\(exit code 1\)")
    shown = messages(log)
    warnings = [text for level, text in shown if level == "WARNING"]
    assert any(re.match(r"follow-job: Pod \S+ has failed with exit code 3", text) for text in warnings), shown
    assert any(re.match(r"Job \S+ failed: BackoffLimitExceeded", text) for text in warnings), shown
    assert [text for level, text in shown if level == "ERROR"] == ["Task failed with exception"]
    lines = [text for _, text in shown]
    assert len(lines) == len({*lines})
    text = log.inner_text()
    assert text.count("(exit code 1)") == 1
    assert re.findall(r"^\s*File \"([^\"]*)\"", text, re.MULTILINE)[-1].endswith("/dags/gke_job/operator.py")
    assert "masking" not in text


def test_the_log_of_a_deferred_task_is_complete(ui, seen):
    lines = [text for _, text in messages(ui.log(seen, "deferred", "is complete"))]
    for end in ("created Job", r"\| first line$", r"\| last line$", "^follow-job: Job .* is complete$"):
        assert len([line for line in lines if re.search(end, line)]) == 1, "\n".join(lines)


@pytest.mark.parametrize("task", ["linked", "deferred", "failing"])
def test_the_job_of_a_task_is_an_xcom(ui, seen, task):
    expect(ui.xcom(seen, task, "job")).to_contain_text(re.compile(rf"seen-{task}-\w+"))


def test_the_list_of_a_mapped_task_shows_its_labels(ui, page, seen):
    ui.open_mapped(seen, "mapped")
    for label in ("seed 7", "seed 8"):
        expect(page.get_by_text(label, exact=True).first).to_be_visible()


def test_the_list_of_dags_describes_the_examples_and_has_their_tag(ui, page):
    entry = ui.describe("sweep")
    expect(entry).to_contain_text("Tries hyper-parameters in parallel, one Pod each, and returns the best")
    expect(page.get_by_role("link", name="gke_job").first).to_be_visible()


def test_the_documentation_of_a_task_is_shown(ui, page, seen):
    ui.open_documentation(seen, "seen", "linked")
    expect(page.get_by_role("heading", name="What this task is for")).to_be_visible()


def test_a_task_with_a_running_job_has_its_xcom_and_its_links(ui, page, runs):
    """This test must be the last one: on Airflow 2.11 its task, which does not end, blocks all others."""
    run = ui.trigger("held")
    ui.open_task(run, "held", "log")
    line = page.get_by_text(re.compile(r"\w{5} \| a line of a Pod")).first
    expect(line).to_be_visible(timeout=RUN_SECONDS * 1000)
    expect(ui.xcom(run, "held", "job")).to_contain_text(re.compile(r"held-held-\w+"))
    ui.open_task(run, "held", "details")
    expect(ui.links("Job in Google Cloud console")).to_have_attribute("href", re.compile("held-held-"))
    expect(page.get_by_text("running", exact=False).first).to_be_visible()
