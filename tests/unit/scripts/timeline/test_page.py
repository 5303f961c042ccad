"""The report as HTML: it is whole, small, and nothing in it is more than text."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from recorded_runs import NAMES, PRICED, priced, replay
from timeline_objects import drawn_records, many, pod_run, record

from gke_jobs.timeline.chart import ticks
from gke_jobs.timeline.cost_text import cost_rows
from gke_jobs.timeline.details import Details, EventRow, event_rows, links
from gke_jobs.timeline.page import MOST_BYTES, html
from gke_jobs.timeline.record import Identity, Outcome, Resources

HOSTILE = "</pre></style><script>alert(1)</script>\" onload='x' &lt;"
VOID = {"meta", "path", "rect", "br"}


class Page(HTMLParser):
    """Elements and their attributes; that each is closed in its order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


def full(words):
    """A report in which each text that comes from outside is this one."""
    pod = pod_run(index=words, spot=True, outcome=Outcome.STUCK, reason=words, ended=None)
    made = record(
        pod,
        status=1,
        **dict.fromkeys(("job", "namespace", "uid", "version", "outcome", "reason", "cause", "advice"), words),
        cluster=f"{words.replace('/', '')}/l/c",
        identity=Identity(**dict.fromkeys(Identity.__dataclass_fields__, words)),
        resources=(Resources(container=words, image=words, requests=words, limits=words),),
    )
    event = EventRow(time=words, about=words, reason=words, message=words, count=3)
    return html(made, Details(diagnosis=words, events=(event,), logs=((words, (words, words)),)))


def test_what_comes_from_outside_stays_text():
    hostile, harmless = Page(full(HOSTILE)), Page(full("words"))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in harmless.elements]
    assert [[*attrs] for _, attrs in hostile.elements] == [[*attrs] for _, attrs in harmless.elements]
    assert HOSTILE in "".join(hostile.texts)


@given(drawn_records())
def test_whatever_the_record_the_page_is_well_formed(made):
    assert {tag for tag, _ in Page(html(made)).elements}.isdisjoint({"script", "img", "iframe", "link", "object"})


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, [0]),
        (0.35, [0, 0.1, 0.2, 0.3, 0.35]),
        (12, [0, 2, 4, 6, 8, 10, 12]),
        (59, [0, 10, 20, 30, 40, 50, 59]),
        (301, [0, 60, 120, 180, 240, 301]),
        (7000, [0, 1800, 3600, 5400, 7000]),
        (86400 * 20, [0, *(86400 * days for days in (4, 8, 12, 16)), 86400 * 20]),
    ],
)
def test_the_time_axis_has_round_times_and_the_end(seconds, expected):
    assert ticks(seconds) == pytest.approx(expected)


def test_it_loads_nothing():
    page = full("words")
    assert "default-src 'none'" in page
    assert (
        re.findall(r"""(?:src|href|url|@import)\s*[=(]?\s*["']?(?!https://console\.cloud\.google\.com/)http""", page)
        == []
    )


@pytest.mark.parametrize(("number", "tries"), [(1, 1), (1000, 1), (1000, 4)])
def test_from_1_to_1000_pods_it_is_smaller_than_1_mib(number, tries):
    page = html(many(number, tries=tries))
    assert len(page.encode()) < MOST_BYTES
    assert page.count('<rect class="row"') == min(number * tries, 1000)
    assert ("3000 of 4000 Pods are not shown" in page) == (tries == 4)


def test_long_names_leave_pods_out_and_not_the_limit():
    pods = [
        pod_run(number, index="\u7cbe" * 60, reason="\u7cbe" * 60, outcome=Outcome.FAILED) for number in range(1000)
    ]
    details = Details(diagnosis="\u7cbe" * 200_000, logs=(("log", ("x" * 200_000,)),))
    page = html(record(*pods), details)
    assert len(page.encode()) < MOST_BYTES
    assert "of 1000 Pods are not shown" in page


@pytest.mark.parametrize("letter", ["'", "\u7cbe", "\U0001f9ea", "&"])
def test_texts_of_letters_that_have_many_bytes_in_html_leave_no_pods_out(letter):
    words = letter * 1024
    event = EventRow(time="t", about=words, reason="R", message=words, count=1)
    logs = tuple((f"Pod {number}", (words,) * 25) for number in range(3))
    page = html(many(1000), Details(diagnosis=f"{words}\n" * 150, events=(event,) * 100, logs=logs))
    assert len(page.encode()) < MOST_BYTES
    assert page.count('<rect class="row"') == 1000
    Page(page)


def test_of_too_many_pods_those_that_failed_are_shown():
    pods = [pod_run(number) for number in range(1500)] + [pod_run(2000, outcome=Outcome.FAILED, exit_code=3)]
    assert "train-007d0" in html(record(*pods))


@pytest.mark.parametrize("name", NAMES)
def test_the_report_of_a_recorded_run_names_its_pods_and_their_results(name):
    made = replay(name)
    said = "".join(Page(html(made)).texts)
    for pod in made.pods:
        assert pod.name in said
        assert pod.node in said
    assert made.advice in said
    assert made.outcome in said


@pytest.mark.parametrize("name", PRICED)
def test_the_report_says_what_a_run_cost(name):
    said = "".join(Page(html(priced(name))).texts)
    assert all(words in said for _, words in cost_rows(priced(name)))
    assert "Cost" not in html(replay(name))


def test_a_label_of_the_drawing_is_short_and_its_title_has_the_whole_name():
    made = record(replace(pod_run(index="1234567890123"), name=f"{'a-very-long-name' * 3}-5kfcf"))
    page = html(made)
    assert ">5kfcf (123456789012)</text>" in page
    assert f"<title>{made.pods[0].name} (1234567890123), try 1," in page


def test_each_phase_of_the_bar_is_named_beside_its_colour():
    first = pod_run(0, ended=50, outcome=Outcome.FAILED)
    elements = Page(html(record(first, pod_run(1, created=60, scheduled=70, prepared=None, started=80)))).elements
    swatches = [attrs["class"] for tag, attrs in elements if tag == "i" and "style" not in attrs]
    bar = [attrs["class"] for tag, attrs in elements if tag == "i" and "style" in attrs]
    assert {"backoff", "finishing"} < {*bar} <= {*swatches}


def test_numbers_that_are_nought_are_left_out():
    page = html(record(pod_run(), price=PRICED["preemption"].to_text()))
    assert re.findall("<li><b>([^<]*)</b>([^<]*)</li>", page) == [
        *[("2 min 0 s", "from creation to end"), ("1", "Pod"), ("0.1200 EUR", "cost")],
    ]


@pytest.mark.parametrize(
    ("outcome", "kind"), [("succeeded", "badge good"), ("timed out", "badge bad"), ("not finished", "badge")]
)
def test_a_job_that_still_runs_is_neither_good_nor_bad(outcome, kind):
    assert f'<span class="{kind}">{outcome}</span>' in html(record(pod_run(), outcome=outcome, status=None))


def test_the_drawing_says_how_many_pods_it_has():
    assert "Timeline of Job train: 1 Pod in 2 min 0 s." in html(record(pod_run()))
    assert "Timeline of Job train: 2 Pods in 2 min 0 s." in html(record(pod_run(0), pod_run(1)))


def test_times_are_said_to_be_utc():
    page = html(record(pod_run()), Details(events=(EventRow(time="t", about="a", reason="r", message="m", count=1),)))
    assert "2026-01-02 03:04:05 to 2026-01-02 03:06:05 UTC" in page
    assert "time (UTC)" in page


def test_a_run_that_took_no_time_that_kubernetes_reports_has_bars():
    shorter = pod_run(created=0, scheduled=0, prepared=None, started=0, ended=0)
    page = html(record(shorter, seconds=0))
    assert '<div class="whole" aria-hidden="true"><i class="running" ' in page
    assert re.search('<path class="running" d="M230 29h2v', page)
    assert "<b>less than 1 s</b>" in page
    assert "running less than 1 s</title>" in page


def test_the_phases_of_a_gang_are_said_to_be_those_of_its_last_pod():
    assert "its Pod with the least progress" in html(record(pod_run(), gang=1))
    assert "its Pod with the most progress" in html(record(pod_run()))


def test_a_pod_that_ran_when_the_job_was_deleted_is_not_said_to_run():
    page = html(record(pod_run(ended=None, outcome=Outcome.RUNNING), deleted=True, status=124))
    assert page.count("running when deleted") == 4  # hovered, beside its bar, in the numbers and in the table


def test_links_lead_to_the_console_where_the_cluster_is_named():
    made = record(cluster="p/europe-west4/ml", namespace="team")
    console = "https://console.cloud.google.com"
    (_, job), (_, logs) = links(made)
    assert job == f"{console}/kubernetes/job/europe-west4/ml/team/train/details?project=p"
    assert logs.startswith(f"{console}/logs/query;query=resource.type%3D%22k8s_container%22%0A")
    assert links(record()) == []


def test_events_are_in_the_order_of_their_times():
    def event(time, count=None):
        about = {"kind": "Pod", "name": "train-abcde"}
        return {"involvedObject": about, "reason": "R", "message": "a\nb", "lastTimestamp": time, "count": count}

    rows = event_rows([event("2026-01-02T03:04:09Z", 3), event("2026-01-02T03:04:05Z"), {}, event("no time")])
    assert [(row.time, row.count) for row in rows][2:] == [("2026-01-02 03:04:05", 1), ("2026-01-02 03:04:09", 3)]
    assert (rows[-1].about, rows[-1].message) == ("Pod train-abcde", "a b")
