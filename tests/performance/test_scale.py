"""What a measurement of many Jobs makes of metrics, processes and figures."""

import json
import os
import subprocess
from xml.etree import ElementTree

import pytest

from performance.charts import Panel, plot
from performance.crowds import manifests, memory_below, requests_of, values
from performance.scale import Measured, picture, report

METRICS = """\
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",group="batch",resource="jobs",scope="namespace",subresource="",verb="WATCH"} 15
apiserver_request_total{code="410",group="batch",resource="jobs",scope="namespace",subresource="",verb="WATCH"} 1
apiserver_request_total{code="200",group="batch",resource="jobs",scope="cluster",subresource="",verb="WATCH"} 7
apiserver_request_total{code="200",group="batch",resource="jobs",scope="resource",subresource="status",verb="PUT"} 5
apiserver_request_total{code="200",group="",resource="pods",scope="resource",subresource="log",verb="CONNECT"} 2e+00
apiserver_request_total{group="events.k8s.io",resource="events",scope="namespace",subresource="",verb="LIST"} 1
apiserver_longrunning_requests{group="batch",resource="jobs",scope="namespace",subresource="",verb="WATCH"} 1
"""


def measured(way: str, jobs: int, **figures: float) -> Measured:
    names = ("noticed_p50", "noticed_p95", "cpu", "private", "requests", "processes", "ends")
    return Measured(way, jobs, by_kind={}, **{**dict.fromkeys(names, 1), **figures})


def test_requests_are_counted_that_only_the_toolkit_makes():
    assert requests_of(METRICS) == {"jobs//namespace/WATCH": 16, "pods/log/resource/CONNECT": 2}


def test_jobs_differ_by_name_and_result_alone(tmp_path):
    first, second = json.loads(manifests("here", ["a", "b"], tmp_path))["items"]
    assert [each["metadata"]["name"] for each in (first, second)] == ["a", "b"]
    assert second["spec"]["template"]["metadata"]["annotations"] == values(1)["annotations"]
    second["metadata"]["name"] = "a"
    second["spec"]["template"]["metadata"]["annotations"] = values(0)["annotations"]
    assert first == second


def test_memory_is_that_of_processes_and_all_below_them():
    with subprocess.Popen(["sh", "-c", "cat; true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        shell.stdin.write(b"x")
        shell.stdin.flush()
        shell.stdout.read(1)  # so cat runs
        mebibytes, processes = memory_below({shell.pid})
        assert memory_below({os.getpid()})[1] == processes + 1
    assert processes == 2
    assert 0 < mebibytes < 10


def test_a_report_has_a_column_for_each_number_of_jobs():
    lines = report([measured("waiting", 1, cpu=0.5), measured("waiting", 10, cpu=0.75)]).splitlines()
    assert lines[0].split() == ["unit", "1", "10"]
    assert next(line for line in lines if "processor time" in line).split()[-2:] == ["0.500", "0.750"]


def test_the_picture_has_a_line_for_each_way_in_each_panel():
    drawn = picture(
        [measured("waiting", 10), measured("short", 10, private=None, processes=None), measured("deferrable", 10)]
    )
    lines = ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}polyline")
    assert len(list(lines)) == 3 * 6 - 2


@pytest.mark.parametrize("line", [[(1, 0.0)], [(5, 2.0)], [(1, -0.5), (1000, 3.0)]])
def test_a_plot_of_one_point_or_of_nothing_is_drawn(line):
    ElementTree.fromstring(plot([Panel("a < b", {"way": line})], "Jobs"))
