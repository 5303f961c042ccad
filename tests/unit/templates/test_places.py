from __future__ import annotations

import pytest

from gke_jobs.rendering.places import explain, places_of
from gke_jobs.rendering.templating import Renderer
from gke_jobs.rendering.yaml_document import read_documents_and_places

TEMPLATE = """apiVersion: batch/v1
kind: Job
spec:
  backoffLimit: {{ values.retries }}
  template:
    spec:
      nodeSelector: {{ values.selector }}
      containers:
        - name: main
          resources:
            limits:
              cpu: 1
              nvidia.com/gpu: 1
        - name: other
          resources: {}
---
---
apiVersion: v1
kind: Service
spec:
  clusterIP: {{ values.ip }}
"""
JOB = "spec.template.spec"


@pytest.fixture
def places(tmp_path):
    (tmp_path / "mine.yaml.j2").write_text(TEMPLATE)
    values = {"retries": -1, "selector": {"a": "b"}, "ip": "None"}
    rendered = Renderer(tmp_path).render("mine.yaml.j2", {"values": values})
    return places_of(*read_documents_and_places(rendered))


@pytest.mark.parametrize(
    ("message", "explained"),
    [
        ("spec.backoffLimit: Invalid value: -1", "spec.backoffLimit is in mine.yaml.j2 line 4"),
        ('unknown field "spec.backoffLimit"', "spec.backoffLimit is in mine.yaml.j2 line 4"),
        (
            f"{JOB}.containers[0].resources.limits[cpu]: bad",
            f"{JOB}.containers[0].resources.limits[cpu] is in mine.yaml.j2 line 12",
        ),
        (
            f"{JOB}.containers[0].resources.limits[nvidia.com/gpu]: bad",
            f"{JOB}.containers[0].resources.limits[nvidia.com/gpu] is in mine.yaml.j2 line 13",
        ),
        (f"{JOB}.containers[1].image: Required value", f"{JOB}.containers[1].image is in mine.yaml.j2 line 14"),
        (f"{JOB}.nodeSelector.a: bad", f"{JOB}.nodeSelector.a is in mine.yaml.j2 line 7"),
        ("Go struct field JobSpec.spec.backoffLimit of type", "spec.backoffLimit is in mine.yaml.j2 line 4"),
        (
            f"Go struct field Container.{JOB}.containers.resources.limits of type",
            f"{JOB}.containers.resources.limits is in mine.yaml.j2 line 11",
        ),
        (
            f"The Job is invalid: * spec.backoffLimit: bad * {JOB}.restartPolicy: bad",
            f"spec.backoffLimit is in mine.yaml.j2 line 4; {JOB}.restartPolicy is in mine.yaml.j2 line 6",
        ),
        ('The Service "x" is invalid: spec.clusterIP: bad', "spec.clusterIP is in mine.yaml.j2 line 21"),
        ('The Service "x" is invalid: spec.backoffLimit: bad', ""),
        ("metadata.name: bad", ""),
        ("spec: bad", ""),
        ("no field at all", ""),
    ],
)
def test_a_field_in_a_message_gets_the_line_of_the_field_or_of_its_parent(places, message, explained):
    assert explain(message, places) == explained


def test_a_field_of_a_merged_value_gets_the_name_of_the_value(tmp_path):
    (tmp_path / "mine.yaml.j2").write_text("kind: Job\nspec:\n  a: 1\n  $merge: {{ values.pod }}\n")
    rendered = Renderer(tmp_path).render("mine.yaml.j2", {"values": {"pod": {"a": 2, "tolerationz": []}}})
    places = places_of(*read_documents_and_places(rendered))
    assert explain('unknown field "spec.tolerationz"', places) == (
        "spec.tolerationz is in values.pod.tolerationz, mine.yaml.j2 line 4"
    )
    assert explain("spec.a: bad", places) == "spec.a is in values.pod.a, mine.yaml.j2 line 4"


def test_a_field_without_an_index_gets_no_line_if_it_occurs_more_than_once(places):
    assert explain(f"Go struct field Container.{JOB}.containers.resources of type", places) == (
        f"{JOB}.containers.resources is in mine.yaml.j2 line 8"
    )
