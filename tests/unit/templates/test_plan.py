"""The plan of a run: the files of the Job and its owned objects."""

import json

from gke_jobs.rendering.plan import Owned, Plan, read_plan, set_owner, summary, write_plan


def test_the_plan_is_what_was_rendered(tmp_path):
    job = {
        "metadata": {
            "name": "train",
            "labels": {"gke-job/identity": "me"},
            "annotations": {"gke-job/manifest-hash": "aaaa"},
        }
    }
    owned = {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "1"}}
    plan = write_plan([job, owned], tmp_path)
    assert read_plan(tmp_path) == plan
    assert plan == Plan(
        name="train",
        namespace="",
        identity="me",
        hash="aaaa",
        profile="",
        owned=(Owned(object="ConfigMap/x", file="owned-0.json"),),
    )
    assert summary(plan) == "train\nConfigMap/x owned-0.json\n"
    assert json.loads((tmp_path / "job.json").read_text()) == job
    set_owner(plan, tmp_path, "uid-of-train")
    owners = json.loads((tmp_path / "owned-0.json").read_text())["metadata"]["ownerReferences"]
    assert [owner["uid"] for owner in owners] == ["uid-of-train"]
