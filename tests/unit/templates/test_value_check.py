"""Errors for values that are unknown, missing or of a wrong type."""

from __future__ import annotations

import re
from difflib import get_close_matches

import pytest
from golden import TEMPLATES
from refused_values import BATCH, INDEXED, all_refused, environment, refused
from values_files import KUBERNETES, VOLUME_SOURCES, kubernetes_fields

from gke_jobs.rendering.value_check import MOST, TYPING_ERROR, check_values


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"commnd": ["a"]}, "values.commnd is unknown (did you mean command?)"),
        ({"retires": 3}, "values.retires is unknown (did you mean retries?)"),
        ({"Image": "x"}, "values.Image is unknown (did you mean image?)"),
        ({"qwertz": 1}, "values.qwertz is unknown"),
        ({"env_vars": {"A": "1"}}, "values.env_vars is unknown (here it is env)"),
        (
            {"startup_timeout_seconds": 5},
            "values.startup_timeout_seconds is unknown (here it is the option --start-timeout)",
        ),
        ({"a\nb\x1b[2J": 1}, "values.a b\\x1b[2J is unknown"),
        ({"image": 3}, "values.image must be a non-empty string, not the number 3"),
        ({"image": None}, "values.image must be a non-empty string, not null"),
        ({"command": "python train.py"}, "values.command must be a list of strings, not a string"),
        ({"args": ["a", ["b"]]}, "values.args[1] must be a string, not a list"),
        ({"args": [None]}, "values.args[0] must be a string, not null"),
        ({"env": ["A=1"]}, "values.env must be a mapping of strings, not a list"),
        ({"env": {"A": {"b": 1}}}, "values.env.A must be a string, not a mapping"),
        ({"retries": "many"}, "values.retries must be an integer, not 'many'"),
        ({"retries": True}, "values.retries must be an integer, not the boolean true"),
        ({"retries": 1.5}, "values.retries must be an integer, not the number 1.5"),
        ({"retries": -1}, "values.retries must be at least 0, not -1"),
        ({"retries": "-1"}, "values.retries must be at least 0, not -1"),
        ({"run_as_user": "0" * 19}, "values.run_as_user must be an integer, not '0000000000000000000'"),
        ({"secret_env": {"A": {"name": None, "key": "k"}}}, "values.secret_env.A.name must be a string, not null"),
        ({"run_as_user": 0}, "values.run_as_user must be at least 1, not 0"),
        ({"no_retry_exit_codes": [1, "x"]}, "values.no_retry_exit_codes[1] must be an integer, not 'x'"),
        ({"automount_service_account_token": "yes"}, "values.automount_service_account_token must be a boolean"),
        ({"tolerations": {"key": "a"}}, "values.tolerations must be a list of mappings, not a mapping"),
        ({"secret_env": {"A": {"name": "s"}}}, "values.secret_env.A.key is missing"),
        ({"secret_env": {"A": {"name": "s", "kex": "k"}}}, "values.secret_env.A.kex is unknown (did you mean key?)"),
        (
            {"volumes": {"/a": {"hostPath": {"path": "/"}}}},
            "values.volumes./a.hostPath is unknown (here it is the value pod, as {volumes: [{name: NAME, hostPath:",
        ),
        ({"volumes": {"a": {"emptyDir": {}}}}, "a key of values.volumes must be an absolute path without a colon"),
        (
            {"buckets": {"/a:b": "x"}},
            "a key of values.buckets must be an absolute path without a colon or .., e.g. /data",
        ),
        (
            {"buckets": {"/a": "gs://b"}},
            "values.buckets./a must be the name of a bucket without gs:// and without a path",
        ),
        ({"buckets": {"/a": "b/p"}}, "without a path, which is one below the directory, not 'b/p'"),
        ({"image": ""}, "values.image must be a non-empty string, not ''"),
        ({"no_retry_exit_codes": [1, 0]}, "values.no_retry_exit_codes[1] must be at least 1, not 0"),
        ({"labels": {"a": "a b"}}, "values.labels.a must be at most 63 letters, digits, dashes, underscores and dots"),
        ({"labels": {"a": "x" * 64}}, "values.labels.a must be at most 63 letters"),
        ({"labels": {"a b": "a"}}, "a key of values.labels must be the key of a label, as team or example.com/team"),
        ({"labels": {"gke-job/x": "a"}}, "not of gke-job/, which are the toolkit's own, not 'gke-job/x'"),
        ({"annotations": {"gke-job/x": "a"}}, "a key of values.annotations must be another than one of gke-job/"),
        ({"hostNetwork": True}, "values.hostNetwork is unknown (here it is pod, with hostNetwork)"),
        ({"securityContext": {}}, "values.securityContext is unknown (here it is pod, with securityContext)"),
        ({"livenessProbe": {}}, "values.livenessProbe is unknown (here it is container, with livenessProbe)"),
        ({"envFrom": []}, "values.envFrom is unknown (here it is env_from)"),
        ({"priorityClassName": "a"}, "values.priorityClassName is unknown (here it is priority_class)"),
        ({"items": [1]}, "values.items is unknown (here it is a value of the template indexed-job)"),
        (
            {"secret_env": {"A": {"name": "s", "key": "k", "secret": "x"}}},
            "values.secret_env.A.secret is unknown (the fields are name, key, optional)",
        ),
        ({"env_from": [{"configMap": {}}]}, "values.env_from[0].configMap cannot be set (it is configMapRef)"),
        (
            {"volumes": {"/a": {"persistentVolumeClaim": {"claim_name": "c"}}}},
            "claim_name is unknown (did you mean",
        ),
        ({"tolerations": [{"effect": "NoScedule"}]}, "values.tolerations[0].effect must be one of NoSchedule, Prefer"),
        ({"config_files": {"": "x"}}, "a key of values.config_files must be an absolute path"),
        ({"secret_files": {"./x": "x"}}, "not './x'"),
        ({"working_dir": "app"}, "values.working_dir must be an absolute path, e.g. /data, not 'app'"),
        ({"scratch": "10 GB"}, "values.scratch must be a quantity, e.g. 500m or 12Gi, not '10 GB'"),
        ({"scratch": "10GB"}, "values.scratch must be a quantity"),
        ({"scratch": "10Gi\n"}, "values.scratch must be a quantity"),
        ({"shared_memory": -1}, "values.shared_memory must be at least 0, not -1"),
        (
            {"image_pull_policy": "always"},
            "values.image_pull_policy must be one of Always, IfNotPresent, Never, not 'always'",
        ),
        ({"image_pull_policy": ["Always"]}, "must be one of Always, IfNotPresent, Never, not a list"),
        ({"resources": {"request": {}}}, "values.resources.request is unknown (did you mean requests?)"),
        ({"resources": {"cpu": 1}}, "values.resources.cpu is unknown (here it is in requests or limits, as {limits:"),
        ({"resources": {"limits": {"memory": "4 GB"}}}, "values.resources.limits.memory must be a quantity"),
        ({"resources": {"limits": "4Gi"}}, "values.resources.limits must be a mapping or null, not a string"),
        ({"pod": {"tolerationz": []}}, "values.pod.tolerationz is unknown (did you mean tolerations?)"),
        ({"pod": {"node_selector": {}}}, "values.pod.node_selector is unknown (did you mean nodeSelector?)"),
        ({"pod": {"resources": {"limit": {}}}}, "values.pod.resources.limit is unknown (did you mean limits?)"),
        ({"pod": {"containers": [{"image": "b"}]}}, "values.pod.containers[0].name is missing: give a string"),
        ({"pod": {"containers": [{"name": "main", "arg": []}]}}, "values.pod.containers[0].arg is unknown"),
        ({"pod": {"tolerations": [{"efect": "x"}]}}, "values.pod.tolerations[0].efect is unknown"),
        ({"pod": {"spec": {}}}, "values.pod.spec cannot be set (the value is the spec: give its fields)"),
        ({"pod": {"labels": {}}}, "values.pod.labels cannot be set"),
        ({"pod": {"restartPolicy": "OnFailure"}}, "values.pod.restartPolicy must be Never, not 'OnFailure' (the value"),
        ({"pod": {"restartPolicy": None}}, "values.pod.restartPolicy must be Never, not null"),
        (
            {"pod": {"$patch": "replace"}},
            "values.pod.$patch cannot be set (the toolkit needs the fields of its templates",
        ),
        (
            {"pod": {"containers": [{"name": "main", "$patch": "delete"}]}},
            "values.pod.containers[0].$patch cannot be set (the toolkit finds the container by its name, main:",
        ),
        ({"pod": {"containers": None}}, "values.pod.containers must be a list, not null"),
        (
            {"secret_files": {"/a\n": "s"}},
            "a key of values.secret_files must be an absolute path without a colon or ..",
        ),
        ({"volumes": {"/a/../../dev": {}}}, "a key of values.volumes must be an absolute path without a colon or .."),
        ({"buckets": {"/..": "b"}}, "a key of values.buckets must be an absolute path without a colon or .."),
        ({"working_dir": "/a\n"}, "values.working_dir must be an absolute path"),
        ({"container": {"name": "x"}}, "values.container.name cannot be set (the toolkit finds the container by its"),
        ({"container": {"$patch": "replace"}}, "values.container.$patch cannot be set"),
        ({"container": {"comand": ["a"]}}, "values.container.comand is unknown (did you mean command?)"),
        ({"container": {"resources": {"limit": {}}}}, "values.container.resources.limit is unknown"),
        ({"init_containers": [{"name": "a", "imgae": "b"}]}, "values.init_containers[0].imgae is unknown"),
        ({"init_containers": [{"image": "b"}]}, "values.init_containers[0].name is missing: give a string"),
        (
            {"sidecars": [{"name": "a", "restartPolicy": "OnFailure"}]},
            "values.sidecars[0].restartPolicy must be Always, not 'OnFailure' (a container that ends before the "
            "program starts is one of init_containers)",
        ),
        ({"sidecars": [{"name": "a", "restartPolicy": None}]}, "values.sidecars[0].restartPolicy must be Always"),
        ({"sidecars": [{"name": "a", "$patch": "replace"}]}, "values.sidecars[0].$patch cannot be set"),
        ({"tolerations": [{"keys": "a"}]}, "values.tolerations[0].keys is unknown (did you mean key?)"),
        (
            {"env_from": [{"configMapref": {}}]},
            "values.env_from[0].configMapref is unknown (did you mean configMapRef?)",
        ),
        ({"affinity": {"nodeAfinity": {}}}, "values.affinity.nodeAfinity is unknown (did you mean nodeAffinity?)"),
        ({"topology_spread": [{"maxskew": 1}]}, "values.topology_spread[0].maxskew is unknown (did you mean maxSkew?)"),
        ({"volumes": {"/a": {"persistentVolumeClam": {}}}}, "did you mean persistentVolumeClaim?"),
    ],
)
def test_the_error_names_an_invalid_value(given, message):
    assert message in all_refused({"image": "busybox", **given})[0]


def test_the_error_for_a_missing_required_value():
    message = refused({})
    assert message == "batch-job.yaml.j2: values.image is missing: give a non-empty string; see templates/VALUES.md"


def test_a_string_is_not_accepted_as_a_list_of_items():
    message = refused({"image": "busybox", "items": "abc"}, INDEXED)
    assert message.startswith("indexed-job.yaml.j2: values.items must be a list, not a string; ")


def test_the_subdomain_of_a_distributed_job_cannot_be_changed():
    values = {"image": "busybox", "nodes": 2, "pod": {"subdomain": "x", "spec": {}}}
    message = all_refused(values, TEMPLATES / "distributed-job.yaml.j2")
    where = "distributed-job.yaml.j2: values.pod"
    assert message[0].startswith(f"{where}.subdomain cannot be set (the Pods need it to find the Pod of rank 0); see ")
    assert message[1].startswith(f"{where}.spec cannot be set")


def test_each_wrong_value_is_reported_in_its_own_line():
    message = all_refused({"retires": 1, "env": [], "args": ["a", ["b"], {}], "scratch": "1 GB"})
    assert [line.split(" ")[1] for line in message] == [
        *("values.retires", "values.env", "values.args[1]", "values.args[2]", "values.scratch", "values.image"),
    ]
    assert all(re.fullmatch(r"batch-job\.yaml\.j2: values\..*; see templates/VALUES\.md", line) for line in message)


def test_at_most_ten_wrong_values_are_reported():
    message = all_refused({"image": "a", "args": [[]] * 100_000})
    assert len(message) == MOST + 1
    assert message[-1] == f"batch-job.yaml.j2: more than {MOST} values are wrong; see templates/VALUES.md"


@pytest.mark.parametrize(
    "given",
    [
        {"retries": "3"},
        {"buckets": {"/a": "ml-data_1.example.com", "/b": "_"}},
        {"labels": {"example.com/team": "", "a": 42, "B_c.d": "x" * 63, "e": True}},
        {"annotations": {"example.com/a b": "gke-job/x\n"}},
        {"retries": None},
        {"args": [1, True, "x"]},
        {"scratch": 5},
        *(
            {"scratch": text}
            for text in ("5", "0.5Gi", ".5", "5.", "1e3", "1E-3", "100m", "5E", "12Ei", "4k", "1u", "2n")
        ),
        {"image_pull_policy": None},
        {"resources": {"limits": {"nvidia.com/gpu": None, "cpu": 1.5}, "requests": None}},
        {"container": {"resources": {"$patch": "replace", "limits": {"cpu": 1}}}},
        {"pod": {"initContainers": [{"name": "other", "$patch": "delete"}], "tolerations": None}},
        {"pod": {"aFieldOfTomorrow": 1}, "container": {"aFieldOfTomorrow": 1}},
        {"init_containers": [{"name": "proxy", "restartPolicy": "Always"}]},
        {"volumes": {"/a": {"emptyDir": {}, "name": "v"}, "/b": {"name": "v"}}},
    ],
)
def test_valid_values_are_accepted(given):
    check_values({"image": "busybox", **given}, BATCH, environment())


KINDS = (
    *("PodSpec", "Container", "Toleration", "EnvFromSource", "Affinity", "TopologySpreadConstraint"),
    *(kind for kind in VOLUME_SOURCES.values() if kind != "ImageVolumeSource"),  # which older versions lack
)
VERSIONS = sorted(path.name.removeprefix("v").removesuffix(".0-local") for path in KUBERNETES.glob("*-local"))


def test_a_field_that_a_later_kubernetes_adds_is_not_a_misspelling():
    """With the schema of each version of the package, no field of a later version counts as a misspelled field."""
    versions = [version for version in VERSIONS if version >= "1.26"]
    assert len(versions) > 5
    for kind in KINDS:
        newest = set(kubernetes_fields(kind))
        for version in versions:
            known = kubernetes_fields(kind, version)
            for name in newest - set(known):
                assert not get_close_matches(name.lower(), known, cutoff=TYPING_ERROR), (kind, version, name)
