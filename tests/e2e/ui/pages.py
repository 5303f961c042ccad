"""Page objects of the UI of each Airflow: 3.x, 3.1 and 2.11."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import ClassVar
from urllib.parse import quote

from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as Late

PAGE_SECONDS, TIMES = 10, 30


class Airflow3:
    """The UI of Airflow 3."""

    PARTS: ClassVar = {"log": "", "values": "/rendered_templates", "xcom": "/xcom", "details": "/details"}
    DAGS = "/dags"
    LOG = "[data-testid=virtualized-list], [data-testid=virtual-scroll-container]"
    UNFOLDED = ""  # addition to a pattern: lines of Airflow itself that are in no fold

    def __init__(self, page: Page) -> None:
        self.page = page

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until Airflow has parsed a DAG: the page of an unknown DAG does not update."""
        entry = self.page.get_by_role("link", name=dag_id, exact=True)
        for _ in range(TIMES):
            self.page.goto(self.DAGS)
            with suppress(Late):
                entry.wait_for(timeout=PAGE_SECONDS * 1000)
                return
        raise AssertionError(f"DAG {dag_id} is not in the list of DAGs")

    def trigger(self, dag_id: str, **params: str) -> str:
        """Start a run with the form of the DAG and these params; return the URL of the run."""
        self.wait_for_dag(dag_id)
        self.page.goto(f"/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        form = self.page.get_by_role("dialog")
        self._fill(form, params)
        form.get_by_role("button", name="Trigger", exact=True).click()
        self.page.wait_for_url("**/runs/manual__*")
        return self.page.url.rstrip("/")

    def state(self, run: str) -> Locator:
        """Open a run; return the element with its state."""
        self.page.goto(run)
        return self.page.get_by_test_id("header-card")

    def graph(self, run: str) -> Locator:
        """Open the graph of a run; return its nodes."""
        self.page.goto(run)
        self.page.get_by_label("Show Graph").click()
        return self.page.locator(".react-flow__node")

    def open_task(self, run: str, task_id: str, part: str, *, map_index: int | None = None) -> None:
        """Open the `log`, the rendered `values`, the `xcom` or the `details` of a task."""
        instance = "" if map_index is None else f"/mapped/{map_index}"
        self.page.goto(f"{run}/tasks/{task_id}{instance}{self.PARTS[part]}")

    def open_mapped(self, run: str, task_id: str) -> None:
        """Open the list of the instances of a mapped task."""
        self.page.goto(f"{run}/tasks/{task_id}/mapped")

    def links(self, name: str) -> Locator:
        """Return the enabled extra links of this name in the details of a task."""
        return self.page.get_by_role("link", name=name)

    def xcom(self, run: str, task_id: str, key: str) -> Locator:
        """Open the XComs of a task; return the one with this key, with its whole value."""
        self.open_task(run, task_id, "xcom")
        row = self.page.get_by_role("row").filter(has=self.page.get_by_role("cell", name=key, exact=True))
        row.wait_for()
        self._expand()
        return row

    def log(self, run: str, task_id: str, last: str) -> Locator:
        """Open the log of a task and wait for the last line; return the log as it is before any click."""
        self.open_task(run, task_id, "log")
        self.page.get_by_text(re.compile(last)).first.wait_for()
        return self.page.locator(self.LOG).first

    def describe(self, dag_id: str) -> Locator:
        """Open the list of DAGs; return the entry of one, with its description."""
        self.page.goto(self.DAGS)
        entry = self.page.get_by_role("link", name=dag_id, exact=True)
        entry.scroll_into_view_if_needed()  # the description closes when the list is scrolled
        entry.hover()
        return self.page.locator("body")

    def open_documentation(self, run: str, dag_id: str, task_id: str) -> None:
        """Open the documentation of a task of a DAG that has this run."""
        self.page.goto(f"/dags/{dag_id}/tasks/{task_id}")
        self.page.get_by_role("button", name="Documentation").click()

    def _expand(self) -> None:
        """Expand the values of the XComs."""
        self.page.get_by_test_id("expand-all-button").click()

    @staticmethod
    def _fill(form: Locator, params: dict[str, str]) -> None:
        for name, value in params.items():
            form.locator(f"[name=element_{name}]").fill(value)


class Airflow31(Airflow3):
    """The UI of Airflow 3.1."""

    UNFOLDED = "|DAG bundles loaded|Filling up the DagBag|Stats instance was created"

    def _expand(self) -> None:
        """As Airflow3's."""
        self.page.get_by_role("button", name="Expand all extra JSON").click()


class Airflow2(Airflow3):
    """The UI of Airflow 2.11."""

    PARTS: ClassVar = {"log": "logs", "values": "details", "xcom": "xcom", "details": "details"}
    DAGS = "/home"
    LOG = "code"

    def trigger(self, dag_id: str, **params: str) -> str:
        """As Airflow3's."""
        self.wait_for_dag(dag_id)
        self.page.goto(f"/dags/{dag_id}/trigger")
        self._fill(self.page.locator("body"), params)
        self.page.get_by_role("button", name="Trigger", exact=True).click()
        message = self.page.get_by_text("with new Run ID").inner_text()
        run_id = re.search(r"manual__[^,]+", message)
        assert run_id, message
        return f"/dags/{dag_id}/grid?dag_run_id={quote(run_id[0], safe='')}"

    def state(self, run: str) -> Locator:
        """As Airflow3's."""
        self.page.goto(run)
        return self.page.get_by_role("row", name=re.compile("^Status"))

    def graph(self, run: str) -> Locator:
        """As Airflow3's."""
        self.page.goto(f"{run}&tab=graph")
        return self.page.locator(".react-flow__node")

    def open_task(self, run: str, task_id: str, part: str, *, map_index: int | None = None) -> None:
        """As Airflow3's."""
        instance = "" if map_index is None else f"&map_index={map_index}"
        self.page.goto(f"{run}&task_id={task_id}{instance}&tab={self.PARTS[part]}")

    def open_mapped(self, run: str, task_id: str) -> None:
        """As Airflow3's."""
        self.page.goto(f"{run}&task_id={task_id}&tab=mapped_tasks")

    def links(self, name: str) -> Locator:
        """As Airflow3's."""
        return super().links(name).and_(self.page.locator("[href]:not([disabled], [aria-disabled=true])"))

    def open_documentation(self, run: str, dag_id: str, task_id: str) -> None:
        """As Airflow3's."""
        date = run.partition("manual__")[2]
        self.page.goto(f"/task?dag_id={dag_id}&task_id={task_id}&map_index=-1&execution_date={date}")

    def _expand(self) -> None:
        """As Airflow3's."""
