"""Where the UI of each Airflow shows what the tests look at: that of Airflow 3, and 2.11 with its other one."""

from __future__ import annotations

import re
from typing import ClassVar
from urllib.parse import quote

from playwright.sync_api import Locator, Page


class Airflow3:
    """The UI of Airflow 3."""

    PARTS: ClassVar = {"log": "", "values": "/rendered_templates", "xcom": "/xcom"}

    def __init__(self, page: Page) -> None:
        self.page = page

    def trigger(self, dag_id: str, **params: str) -> str:
        """Starts a run in the form of the DAG with these params; returns the address of the run."""
        self.page.goto(f"/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        form = self.page.get_by_role("dialog")
        self._fill(form, params)
        form.get_by_role("button", name="Trigger", exact=True).click()
        self.page.wait_for_url("**/runs/manual__*")
        return self.page.url.rstrip("/")

    def state(self, run: str) -> Locator:
        """Opens a run; what tells its state, in the language of the UI."""
        self.page.goto(run)
        return self.page.get_by_test_id("header-card")

    def graph(self, run: str) -> Locator:
        """Opens the graph of a run; its nodes."""
        self.page.goto(run)
        self.page.get_by_label("Show Graph").click()
        return self.page.locator(".react-flow__node")

    def open_task(self, run: str, task_id: str, part: str) -> None:
        """Opens the `log`, the rendered `values` or the `xcom` of a task."""
        self.page.goto(f"{run}/tasks/{task_id}{self.PARTS[part]}")

    @staticmethod
    def _fill(form: Locator, params: dict[str, str]) -> None:
        for name, value in params.items():
            form.locator(f"[name=element_{name}]").fill(value)


class Airflow2(Airflow3):
    """The UI of Airflow 2.11."""

    PARTS: ClassVar = {"log": "logs", "values": "details", "xcom": "xcom"}

    def trigger(self, dag_id: str, **params: str) -> str:
        """As Airflow3's."""
        self.page.goto(f"/dags/{dag_id}/trigger")
        self._fill(self.page.locator("body"), params)
        self.page.get_by_role("button", name="Trigger", exact=True).click()
        said = self.page.get_by_text("with new Run ID").inner_text()
        run_id = re.search(r"manual__[^,]+", said)
        assert run_id, said
        return f"/dags/{dag_id}/grid?dag_run_id={quote(run_id[0], safe='')}"

    def state(self, run: str) -> Locator:
        """As Airflow3's."""
        self.page.goto(run)
        return self.page.get_by_role("row", name=re.compile("^Status"))

    def graph(self, run: str) -> Locator:
        """As Airflow3's."""
        self.page.goto(f"{run}&tab=graph")
        return self.page.locator(".react-flow__node")

    def open_task(self, run: str, task_id: str, part: str) -> None:
        """As Airflow3's."""
        self.page.goto(f"{run}&task_id={task_id}&tab={self.PARTS[part]}")
