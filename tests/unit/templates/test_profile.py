from __future__ import annotations

import re

import pytest
from test_profiles import SPOT, choose, refusal

GPU = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
TPU = {"key": "google.com/tpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}


def test_a_gpu_is_requested_limited_selected_and_its_taint_tolerated(table):
    file = table("{g: {gpu: {type: nvidia-l4, count: 2}, resources: {requests: {cpu: 1}}}, any: {gpu: {count: 1}}}")
    profile = choose(file, profile="g")
    assert profile["gpu_count"] == 2
    assert profile["resources"] == {"requests": {"cpu": 1, "nvidia.com/gpu": "2"}, "limits": {"nvidia.com/gpu": "2"}}
    assert profile["node_selector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert profile["tolerations"] == [GPU]
    assert choose(file, profile="any")["node_selector"] == {}


def test_a_tpu_slice_is_selected_its_chips_requested_and_limited_and_its_taint_tolerated(table):
    file = table(
        "{t: {tpu: {accelerator: tpu-v5-lite-podslice, topology: 2x4, chips: 4}}, "
        "c: {compute_class: c, tpu: {chips: 8}}}"
    )
    profile = choose(file, profile="t-spot")
    assert profile["resources"] == {"requests": {"google.com/tpu": "4"}, "limits": {"google.com/tpu": "4"}}
    assert profile["node_selector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
        "cloud.google.com/gke-tpu-topology": "2x4",
        "cloud.google.com/gke-spot": "true",
    }
    assert profile["tolerations"] == [TPU, SPOT]
    assert profile["gpu_count"] is None
    of_a_class = choose(file, profile="c")
    assert of_a_class["node_selector"] == {"cloud.google.com/compute-class": "c"}
    assert of_a_class["resources"]["limits"] == {"google.com/tpu": "8"}


def test_local_ssd_is_ephemeral_storage_on_nodes_that_have_it_there(table):
    profile = choose(table("{l: {local_ssd: 300Gi}}"), profile="l")
    assert profile["node_selector"] == {"cloud.google.com/gke-ephemeral-storage-local-ssd": "true"}
    assert profile["resources"] == {"requests": {"ephemeral-storage": "300Gi"}}


def test_flex_start_is_a_label_of_the_node(table):
    profile = choose(table("{f: {flex_start: true, max_run_seconds: 604800}, g: {flex_start: false}}"), profile="f")
    assert profile["node_selector"] == {"cloud.google.com/gke-flex-start": "true"}
    assert (profile["tolerations"], profile["max_run_seconds"]) == ([], 604800)


def test_a_reservation_is_consumed_by_name(table):
    file = table("{r: {reservation: {name: ml}}, s: {reservation: {name: ml, project: other}, flex_start: false}}")
    own, shared = choose(file, profile="r"), choose(file, profile="s")
    assert own["node_selector"] == {
        "cloud.google.com/reservation-name": "ml",
        "cloud.google.com/reservation-affinity": "specific",
    }
    assert [taint["key"] for taint in own["tolerations"]] == ["cloud.google.com/reservation-name"]
    assert shared["node_selector"] == {**own["node_selector"], "cloud.google.com/reservation-project": "other"}


def test_a_compute_class_is_selected_and_its_taint_tolerated(table):
    profile = choose(table("{c: {compute_class: mine}}"), profile="c")
    assert profile["node_selector"] == {"cloud.google.com/compute-class": "mine"}
    assert [taint["value"] for taint in profile["tolerations"]] == ["mine"]


def test_labels_and_tolerations_are_added_to_those_of_the_other_fields(table):
    file = table("{p: {spot: true, node_selector: {a: b}, tolerations: [{key: mine}], max_run_seconds: 60}}")
    profile = choose(file, profile="p")
    assert profile["node_selector"] == {"cloud.google.com/gke-spot": "true", "a": "b"}
    assert profile["tolerations"] == [SPOT, {"key": "mine"}]
    assert profile["max_run_seconds"] == 60


def test_the_error_for_an_unknown_fallback_lists_the_known_profiles(table):
    file = table("{p: {fallback: huge}}")
    assert refusal(file, profile="p").startswith(f"{file}: fallback of p: unknown profile 'huge'; use one of: cpu-")
    assert choose(table("{p: {fallback: cpu-small-spot}}"), profile="p")["name"] == "p"


@pytest.mark.parametrize(
    ("profiles", "what", "fix"),
    [
        ("{p: 5}", "profile p is not a mapping", "write a mapping with the fields resources, gpu, tpu, spot, "),
        ("{p: {node_selektor: {}}}", "profile p has an unknown field node_selektor", "use only resources, gpu, "),
        (
            "{p: {node_selector: {a: true}}}",
            "profile p has an invalid node_selector.a: true",
            "node_selector must be a mapping of label to text",
        ),
        ("{p: {tolerations: {}}}", "profile p has an invalid tolerations", "tolerations must be a list of tolerations"),
        (
            "{p: {tolerations: [a]}}",
            'profile p has an invalid tolerations: ["a"]',
            "tolerations must be a list of tolerations",
        ),
        (
            "{p: {resources: {request: {}}}}",
            "profile p has an invalid resources.request",
            "resources must be a mapping with requests and limits, each a",
        ),
        (
            "{p: {resources: {limits: {cpu: two}}}}",
            'profile p has an invalid resources.limits.cpu: "two"',
            "resources must be a mapping with requests and limits",
        ),
        (
            "{p: {resources: {limits: {cpu: true}}}}",
            "profile p has an invalid resources.limits.cpu: true",
            "resources must be a mapping with requests and limits",
        ),
        (
            "{p: {gpu: nvidia-l4}}",
            'profile p has an invalid gpu: "nvidia-l4"',
            "gpu must be a mapping with type (GKE's name of the accelerator), count (an integer",
        ),
        ("{p: {gpu: {}}}", "profile p has an invalid gpu", "gpu must be a mapping with type"),
        ("{p: {gpu: {count: 0}}}", "profile p has an invalid gpu.count: 0", "gpu must be a mapping with type"),
        ("{p: {gpu: {count: true}}}", "profile p has an invalid gpu.count: true", "gpu must be a mapping with type"),
        (
            "{p: {tpu: {accelerator: t, topology: 2x2, chips: '4'}}}",
            'profile p has an invalid tpu.chips: "4"',
            "tpu must be a mapping with accel",
        ),
        ("{p: {tpu: {chips: 4}}}", "profile p has a tpu without accelerator or topology", "set both, or a ComputeC"),
        (
            "{p: {tpu: {accelerator: t, topology: 2x2}}}",
            "profile p has an invalid tpu",
            "tpu must be a mapping with accelerator, topology (e.g.",
        ),
        (
            "{p: {tpu: {topology: 2x2x2x2, chips: 4}}}",
            'profile p has an invalid tpu.topology: "2x2x2x2"',
            "tpu must be a mapping with accelerator, topology",
        ),
        (
            "{p: {tpu: {topology: 2x0, chips: true}}}",
            "profile p has an invalid tpu",
            "tpu must be a mapping with accelerator, topology",
        ),
        (
            "{p: {tpu: {accelerator: t, topology: 2x2x1, chips: 8}}}",
            "profile p has a tpu topology of 4 chips, which is not a multiple of the 8 chips of a Pod",
            "set chips to the number of one machine",
        ),
        (
            "{p: {gpu: {count: 1}, tpu: {accelerator: t, topology: 2x2, chips: 4}}}",
            "profile p has gpu and tpu, but no machine has both",
            "remove one",
        ),
        ("{p: {flex_start: 1}}", "profile p has an invalid flex_start: 1", "flex_start must be true or false"),
        (
            "{p: {reservation: ml}}",
            'profile p has an invalid reservation: "ml"',
            "reservation must be a mapping with name and, for a shared reservation, project: lower-case",
        ),
        (
            "{p: {reservation: {project: ml}}}",
            "profile p has an invalid reservation",
            "reservation must be a mapping with name and, for a shared",
        ),
        (
            "{p: {reservation: {name: projects/p/reservations/r}}}",
            'profile p has an invalid reservation.name: "projects/p/reservations/r"',
            "reservation must be a mapping with name",
        ),
        (
            "{p: {spot: true, flex_start: true}}",
            "profile p has spot and flex_start, but a node can have only one of them",
            "remove one",
        ),
        (
            "{p: {spot: true, reservation: {name: r}}}",
            "profile p has spot and reservation, but a node can have only one of them",
            "remove one",
        ),
        (
            "{p: {flex_start: true, reservation: {name: r}}}",
            "profile p has flex_start and reservation, but a node can have only one of them",
            "remove one",
        ),
        (
            "{p: {flex_start: true, max_run_seconds: 604801}}",
            "profile p has flex_start and max_run_seconds 604801, but a flex-start node runs for at most seven days",
            "set max_run_seconds to at most 604800",
        ),
        ("{p: {spot: 'yes'}}", 'profile p has an invalid spot: "yes"', "spot must be true or false"),
        (
            "{p: {local_ssd: true}}",
            "profile p has an invalid local_ssd: true",
            "local_ssd must be a quantity, e.g. 300Gi",
        ),
        (
            "{p: {compute_class: 5}}",
            "profile p has an invalid compute_class: 5",
            "compute_class must be the name of a ComputeClass",
        ),
        (
            "{p: {max_run_seconds: 1.5}}",
            "profile p has an invalid max_run_seconds: 1.5",
            "max_run_seconds must be an integer above 0",
        ),
        ("{p: {next: huge}}", "profile p has next 'huge', which is not a profile", "use one of: cpu-small, "),
        ("{p: {fallback: p}}", "profile p falls back to itself", "use the name of another profile"),
        ("{p: {fallback: 7}}", "profile p has an invalid fallback: 7", "fallback must be the name of another profile"),
        (
            "{p: {fallback_after: 0}}",
            "profile p has an invalid fallback_after: 0",
            "fallback_after must be an integer above 0",
        ),
        (
            "{p: {next: q}, q: {next: p}}",
            "profile q has next 'p', which leads back to q",
            "order next from small to large",
        ),
        (
            "{p: {compute_class: c, spot: true}}",
            "profile p has compute_class and spot, but the ComputeClass selects the nodes",
            "remove spot",
        ),
        (
            "{p: {compute_class: c, gpu: {type: t}}}",
            "profile p has compute_class and gpu.type, but the ComputeClass selects the nodes",
            "remove gpu.type",
        ),
        (
            "{p: {compute_class: c, flex_start: true}}",
            "profile p has compute_class and flex_start, but the ComputeClass selects the nodes",
            "remove flex_start",
        ),
        (
            "{p: {compute_class: c, reservation: {name: r}}}",
            "profile p has compute_class and reservation, but the ComputeClass selects the nodes",
            "remove reservation",
        ),
        (
            "{p: {compute_class: c, tpu: {topology: 2x2, chips: 4}}}",
            "profile p has compute_class and tpu.topology, but the ComputeClass selects the nodes",
            "remove tpu.topology",
        ),
        (
            "{p: {compute_class: c, local_ssd: 1Gi}}",
            "profile p has compute_class and local_ssd, but the ComputeClass selects the nodes",
            "remove local_ssd",
        ),
        ("{a b: {}}", "profile a b has an invalid name", "use letters, digits, dots, dashes and underscores"),
        ("[p]", "profiles is not a mapping", "write a mapping with names as keys"),
        ("{p: {}, p: {}}", "the key p occurs twice", "keep one"),
        ("{p: [", "invalid YAML: expected ',' or ']', but got '<stream end>'", "correct it"),
        ("{p: {max_run_seconds: 1_000}}", "YAML parsers disagree about 1_000", "put it in quotes"),
    ],
)
def test_a_profile_that_is_not_as_documented_is_refused_with_file_and_field(table, profiles, what, fix):
    file = table(profiles)
    message = refusal(file, profile="cpu-small")
    assert re.match(rf"{re.escape(str(file))}( line \d+)?: {re.escape(f'{what}; {fix}')}", message)
