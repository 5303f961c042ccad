"""Reports of runs in a browser: they open fast, fit the window, have text for all they show, and run no script.

Needs Chromium in PATH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from recorded_runs import NAMES, replay
from timeline_objects import many, record

from e2e.ui.chromium import chromium
from gke_jobs.timeline import chart
from gke_jobs.timeline.details import Details
from gke_jobs.timeline.page import html

OPEN_SECONDS = 1.0  # of processor time
LEAST_CONTRAST = 4.5  # WCAG AA
# The contrast of the text of each element with its background.
CONTRASTS = """() => {
  const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = parts(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("h1,h2,p,dt,dd,th,td,li,a,pre,summary,caption,.badge,svg text")].map(element => {
    const style = getComputedStyle(element), svg = element.namespaceURI.includes("svg");
    const [a, b] = [parts(svg ? style.fill : style.color), behind(element)].map(light).sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), element.tagName + " " + element.textContent.slice(0, 40)];
  });
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def show(browser, tmp_path) -> Iterator[Callable[..., Page]]:
    """Open a report offline; an error in the browser's console fails the test."""
    troubles, contexts = [], []

    def show(page_html: str, **options) -> Page:
        file = Path(tmp_path, "report.html")
        file.write_text(page_html)
        context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("requestfailed", lambda request: troubles.append(request.url))
        page.goto(file.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert troubles == []


def processor_seconds(page: Page) -> float:
    """Open the page again; return the processor time of its main thread, which depends little on other processes."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    before = used()
    page.reload()
    return used() - before


@pytest.mark.parametrize(("number", "tries"), [(1, 1), (13, 2), (1000, 1), (1000, 3)])
def test_a_report_opens_with_a_second_of_processor_time_at_most_and_shows_a_row_for_each_pod(show, number, tries):
    page = show(html(many(number, tries=tries)))
    expect(page.get_by_role("img", name=re.compile("^Timeline of Job train"))).to_be_visible()
    assert processor_seconds(page) < OPEN_SECONDS
    assert page.locator("svg rect.row").count() == min(number * tries, 1000)


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_fits_into_the_window_and_shows_its_end(show, name):
    made = replay(name)
    page = show(html(made))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Job {made.job} {made.outcome}")
    for pod in made.pods[:3]:
        expect(page.get_by_role("cell", name=pod.name, exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_light_and_dark_mode(show, scheme):
    page = show(html(replay("preemption")), color_scheme=scheme)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    assert [found for found in page.evaluate(CONTRASTS) if found[0] < LEAST_CONTRAST] == []


def test_a_bar_has_a_tooltip_with_the_phases_of_its_pod(show):
    page = show(html(replay("preemption")))
    titles = page.locator("svg g > title").all_text_contents()
    assert any("preempted" in title and "running" in title and ", spot" in title for title in titles)
    assert any("try 2" in title for title in titles)
    assert page.locator("svg path.disruption").count() == 1


def test_the_print_layout_is_light_and_fits_the_paper(show):
    page = show(html(many(20)), color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_no_script_in_a_log_runs(show):
    hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>"
    page = show(html(many(1), Details(diagnosis=hostile, logs=(("Pod", (hostile,)),))))
    expect(page.get_by_text("alert(1)").first).to_be_visible()
    assert page.locator("script, img").count() == 0


def test_no_label_of_the_drawing_is_cut_off_or_overlaps_the_bars(show):
    pods = many(13, tries=2).pods
    made = record(*(replace(pod, name=f"a-name-of-some-length-{pod.name}", index=f"{pod.index}0000") for pod in pods))
    page = show(html(made))
    boxes = page.evaluate(
        "[...document.querySelectorAll('svg g text:first-of-type')].map(one => one.getBBox())"
        ".map(({x, width}) => [x, x + width])"
    )
    assert len(boxes) == len(pods)
    assert all(0 <= left < right <= chart.LABEL for left, right in boxes)


@pytest.mark.parametrize(("width", "is_narrow"), [(500, True), (1200, False)])
def test_a_drawing_that_scrolls_has_a_note(show, width, is_narrow):
    page = show(html(replay("indexed")))
    page.set_viewport_size({"width": width, "height": 800})
    scrolls = page.evaluate(
        "(box => box.scrollWidth > box.clientWidth)(document.querySelector('[aria-label=Drawing]'))"
    )
    assert scrolls == page.get_by_text("it scrolls to the right").is_visible() == is_narrow


def test_on_a_phone_only_the_drawing_scrolls(show):
    page = show(html(replay("indexed")), color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
