from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from gke_jobs.rendering.rendering import render

TEMPLATES = Path(__file__).parents[3] / "templates"


def test_the_template_in_the_readme_is_complete(tmp_path):
    template = tmp_path / "own.yaml.j2"
    template.write_text(re.findall(r"```yaml\n(.*?)```", (TEMPLATES / "README.md").read_text(), re.DOTALL)[0])
    text = render(
        template=str(template),
        values=None,
        profile="gpu-l4",
        name=None,
        namespace=None,
        templates=TEMPLATES,
        environ={"GKE_JOB_VALUES": json.dumps({"image": "busybox", "data": "a b.csv"}), "AIRFLOW_CTX_DAG_ID": "d"},
    )
    spec = yaml.safe_load(text)["spec"]["template"]["spec"]
    assert spec["containers"][0]["args"] == ["--data=gs://bucket/a b.csv", "--run="]
    assert spec["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
