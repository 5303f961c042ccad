"""GkeCluster."""

import dataclasses

import jinja2
import pytest

from gke_job import GkeCluster


def rendered(cluster, params):
    fields = dataclasses.asdict(cluster).items()
    return GkeCluster(**{name: jinja2.Template(text).render(params=params) for name, text in fields})


def test_a_gke_cluster_is_named_by_three_options():
    cluster = GkeCluster(project="p", location="europe-west4", name="c")
    assert cluster.arguments() == ["--project", "p", "--location", "europe-west4", "--cluster", "c"]


def test_a_project_number_that_is_rendered_natively_is_text():
    cluster = GkeCluster(project=123456789012, location="europe-west4", name="c")
    assert cluster.arguments()[:2] == ["--project", "123456789012"]
    assert GkeCluster(context=7).arguments() == ["--context", "7"]


def test_a_context_is_one_option():
    assert GkeCluster(context="kind").arguments() == ["--context", "kind"]


def test_nothing_given_is_the_current_context():
    assert GkeCluster().arguments() == []


def test_params_that_are_left_out_are_the_current_context():
    params = {name: param.resolve() for name, param in GkeCluster.params().items()}
    assert rendered(GkeCluster.from_params(), params).arguments() == []
    params |= {"project": "p", "location": "l", "cluster": "c"}
    assert rendered(GkeCluster.from_params(), params) == GkeCluster(project="p", location="l", name="c")


def test_half_a_cluster_is_refused_with_what_is_missing():
    with pytest.raises(ValueError, match=r"'project': 'p'.*: location and name is empty; give all three or none"):
        GkeCluster(project="p").arguments()


def test_a_cluster_and_a_context_are_refused():
    with pytest.raises(ValueError, match=r"context 'kind' is given too; give one or the other"):
        GkeCluster(project="p", location="l", name="c", context="kind").arguments()


def test_tasks_can_share_one_because_nothing_can_change_it():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GkeCluster().project = "other"
