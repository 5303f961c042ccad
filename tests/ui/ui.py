"""The example DAG in Airflow's UI, as a person uses it in a browser: the form, the graph, the log, the XCom.

Needs Chromium in PATH, and the port of `make airflow`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from ui.pages import Airflow2, Airflow3

MAKE_AIRFLOW = Path(__file__).parents[1] / "demo" / "airflow"
TASKS = ["measure", "choose_profile", "train", "evaluate", "report"]
RUN_SECONDS = 300
PATIENCE_SECONDS = 30  # until what a page should show counts as not shown

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture(scope="session")
def airflow() -> Iterator[tuple[str, str]]:
    """What `make airflow` starts: its address and password."""
    command = ["env", "--default-signal=INT", MAKE_AIRFLOW]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if match := re.search(r"the UI is at (\S+), user admin, password (\S+);", line):
                break
        else:
            pytest.fail("".join(said))
        yield match[1], match[2]
        process.send_signal(signal.SIGINT)
        process.communicate()


@pytest.fixture(scope="session")
def page(airflow) -> Iterator[Page]:
    """A browser whose user has logged in."""
    address, password = airflow
    with sync_playwright() as playwright:
        sandbox = os.geteuid() != 0  # root cannot have Chromium's
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), chromium_sandbox=sandbox)
        page = browser.new_context(base_url=address, viewport={"width": 1800, "height": 1000}).new_page()
        page.goto("/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Dags").first.wait_for()
        yield page
        browser.close()


@pytest.fixture(scope="session")
def ui(page) -> Airflow3:
    """The pages of this Airflow."""
    return (Airflow2 if version("apache-airflow").startswith("2.") else Airflow3)(page)


@pytest.fixture(scope="session")
def run(ui) -> str:
    """The address of a run that has ended, with other params than the form's own."""
    run = ui.trigger("train_model", rows="2000", epochs="2")
    expect(ui.state(run)).to_contain_text(re.compile("success|failed", re.IGNORECASE), timeout=RUN_SECONDS * 1000)
    return run


def test_the_form_starts_a_run_although_no_cluster_is_named_and_it_succeeds(ui, run):
    expect(ui.state(run)).to_contain_text("success", ignore_case=True)


def test_the_graph_shows_each_task_as_what_it_is(ui, run):
    nodes = ui.graph(run)
    expect(nodes).to_have_count(len(TASKS))
    job, function = "GkeJobOperator", "@task"
    for task, kind in zip(TASKS, [job, function, job, job, function], strict=True):
        node = nodes.filter(has_text=re.compile(f"^{task}"))
        expect(node).to_contain_text(kind)
        expect(node).to_contain_text("success")


def test_the_log_of_a_task_says_which_job_and_shows_what_its_pods_print(ui, page, run):
    ui.open_task(run, "train", "log")
    expect(page.get_by_text(re.compile(r"submit-job: created Job train-model-train-\w+")).first).to_be_visible()
    expect(page.get_by_text("epoch 2/2")).to_be_visible()
    expect(page.get_by_text(re.compile(r"follow-job: Job \S+ is complete")).first).to_be_visible()


def test_the_values_that_the_job_got_are_among_the_rendered_templates(ui, page, run):
    ui.open_task(run, "train", "values")
    expect(page.get_by_text("python3").first).to_be_visible()
    expect(page.get_by_text(re.compile("[\"']2000[\"']")).first).to_be_visible()


def test_each_part_of_the_result_is_an_xcom(ui, page, run):
    ui.open_task(run, "evaluate", "xcom")
    for key in ("accuracy", "rows", "return_value"):
        expect(page.get_by_role("cell", name=key, exact=True)).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^rows"))).to_contain_text("400")  # a fifth is kept from training
