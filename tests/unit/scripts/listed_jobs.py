"""Jobs as list-jobs reads them, for the tests."""

from datetime import datetime, timezone

JOBS, PODS = "/apis/batch/v1/namespaces/ml/jobs", "/api/v1/namespaces/ml/pods"
NO_PODS = {PODS: {"items": []}}
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def job(name="train", *, conditions=(), created="2026-01-01T00:00:00Z", status=None, **annotations):
    given = {f"gke-job/{key.replace('_', '-')}": value for key, value in annotations.items()}
    metadata = {"name": name, "namespace": "ml", "uid": f"uid-{name}", "creationTimestamp": created}
    met = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": metadata | {"annotations": given}, "status": (status or {}) | {"conditions": met}}


OURS = {"airflow_environment": "composer", "dag_id": "churn", "task_id": "fit", "run_id": "r1", "map_index": "-1"}


def in_full(name="train", *, selector=None, limits=None, start=None, **given):
    """A Job with what its Pods ask for, as limits of one container each."""
    found = job(name, **given)
    each = [{"name": f"c{number}", "resources": {"limits": one}} for number, one in enumerate(limits or [])]
    found["spec"] = {"template": {"spec": {"nodeSelector": selector or {}, "containers": each}}}
    return found | {"status": found["status"] | ({"startTime": start} if start else {})}
