"""GkeCluster."""

import dataclasses

import jinja2
import pytest

from gke_job import GkeCluster
from gke_job.cluster import ENDPOINTS


def rendered(cluster, params):
    fields = cluster.to_dict().items()
    return GkeCluster(**{name: jinja2.Template(str(text)).render(params=params) for name, text in fields})


def test_a_gke_cluster_is_named_by_three_options():
    cluster = GkeCluster(project="p", location="europe-west4", name="c")
    assert cluster.arguments() == ["--project", "p", "--location", "europe-west4", "--cluster", "c"]


def test_a_project_number_that_is_rendered_natively_becomes_a_string():
    cluster = GkeCluster(project=123456789012, location="europe-west4", name="c")
    assert cluster.arguments()[:2] == ["--project", "123456789012"]
    assert GkeCluster(context=7).arguments() == ["--context", "7"]


def test_a_context_is_one_option():
    assert GkeCluster(context="kind").arguments() == ["--context", "kind"]


def test_without_arguments_it_is_the_current_context():
    assert GkeCluster().arguments() == []


def test_params_that_are_left_out_are_the_current_context():
    params = {name: param.resolve() for name, param in GkeCluster.params().items()}
    assert rendered(GkeCluster.from_params(), params).arguments() == []
    params |= {"project": "p", "location": "l", "cluster": "c"}
    place = ["--project", "p", "--location", "l", "--cluster", "c"]
    assert rendered(GkeCluster.from_params(), params).arguments() == place
    for endpoint in ENDPOINTS.values():
        arguments = rendered(GkeCluster.from_params(), params | {"endpoint": endpoint}).arguments()
        assert arguments == [*place, f"--{endpoint}"]


def test_every_choice_of_a_param_is_a_string_because_the_form_of_airflow_2_sends_strings():
    choices = [choice for param in GkeCluster.params().values() for choice in param.schema.get("enum", [])]
    assert choices == ["external-ip", *ENDPOINTS.values()]


def test_the_error_for_an_incomplete_cluster_names_the_missing_fields():
    with pytest.raises(ValueError, match=r"'project': 'p'.*: location and name is empty; give all three or none"):
        GkeCluster(project="p").arguments()


def test_a_cluster_with_a_context_is_refused():
    with pytest.raises(ValueError, match=r"context 'kind' is also given; give only one of the two"):
        GkeCluster(project="p", location="l", name="c", context="kind").arguments()


def test_tasks_can_share_a_cluster_because_it_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GkeCluster().project = "other"


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"internal_ip": True}, ["--internal-ip"]),
        ({"dns_endpoint": "True"}, ["--dns-endpoint"]),
        ({"dns_endpoint": "False", "internal_ip": ""}, []),
        (
            {"impersonate_service_account": "a@b.c", "auth": "gcloud"},
            ["--impersonate-service-account", "a@b.c", "--auth", "gcloud"],
        ),
    ],
)
def test_endpoint_and_authentication_become_options(fields, options):
    place = ["--project", "p", "--location", "l", "--cluster", "c"]
    assert GkeCluster(project="p", location="l", name="c", **fields).arguments() == [*place, *options]


def test_a_member_of_a_fleet_is_named_by_project_and_membership():
    cluster = GkeCluster(project="p", fleet_membership="m", auth="adc")
    assert cluster.arguments() == ["--project", "p", "--fleet-membership", "m", "--auth", "adc"]
    located = GkeCluster(project="p", location="l", fleet_membership="m")
    assert located.arguments() == ["--project", "p", "--location", "l", "--fleet-membership", "m"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fleet_membership": "m"}, "project is empty"),
        ({"fleet_membership": "m", "project": "p", "name": "c"}, "name or context is also given"),
        ({"dns_endpoint": True}, "GkeCluster has --dns-endpoint, but no cluster"),
        ({"project": "p", "location": "l", "name": "c", "internal_ip": "yes"}, "--internal-ip is 'yes'"),
    ],
)
def test_the_error_names_invalid_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        GkeCluster(**fields).arguments()
