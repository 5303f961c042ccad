"""Workloads as Kueue 0.17 writes them, and its list of those that wait.

RECORDED: Workloads that were read from Kueue 0.17.0, without their Pod templates, by what has become of them.
"""

import json
from pathlib import Path

RECORDED = json.loads((Path(__file__).parent / "kueue_recorded.json").read_text())
RECORDED_WAITING = RECORDED.pop("pendingworkloads of rec")

UID = "0f0f0f0f-0000-4000-8000-000000000001"
NAME = "job-train-4c1f2"
NO_QUOTA = (
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor l4-spot, "
    "3 more needed"
)
PREEMPTED = (
    "Preempted to accommodate a workload (UID: 5d8f, JobUID: 9c1e) due to prioritization in the ClusterQueue; "
    "preemptor path: /gpus; preemptee path: /gpus"
)


def condition(kind, status, reason, message, second=0):
    return {
        "lastTransitionTime": f"2026-01-02T03:04:{second:02}Z",
        "message": message,
        "observedGeneration": 1,
        "reason": reason,
        "status": status,
        "type": kind,
    }


PENDING = condition("QuotaReserved", "False", "Pending", NO_QUOTA)
RESERVED = condition("QuotaReserved", "True", "QuotaReserved", "Quota reserved in ClusterQueue gpus")
ADMITTED = condition("Admitted", "True", "Admitted", "The workload is admitted")
EVICTED = condition("Evicted", "True", "Preempted", PREEMPTED, 5)
IN_QUEUE = condition("Preempted", "True", "InClusterQueue", PREEMPTED, 5)
REQUEUED = condition("Requeued", "True", "Preempted", PREEMPTED, 6)
NOT_ADMITTED = condition("Admitted", "False", "NoReservation", "The workload has no reservation", 6)


def inadmissible(message):
    return condition("QuotaReserved", "False", "Inadmissible", message)


def workload(*conditions, name=NAME, uid=UID, active=True, checks=(), created="2026-01-02T03:04:00Z"):
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {
            "creationTimestamp": created,
            "finalizers": ["kueue.x-k8s.io/resource-in-use"],
            "generation": 1,
            "labels": {"kueue.x-k8s.io/job-uid": uid},
            "name": name,
            "namespace": "ml",
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "blockOwnerDeletion": True,
                    "controller": True,
                    "kind": "Job",
                    "name": "train",
                    "uid": uid,
                }
            ],
            "resourceVersion": "7",
            "uid": f"uid-of-{name}",
        },
        "spec": {
            "active": active,
            "podSets": [{"count": 4, "name": "main", "template": {"metadata": {}, "spec": {"containers": []}}}],
            "priority": 0,
            "queueName": "gpu-queue",
        },
        "status": {
            "admissionChecks": list(checks),
            "conditions": list(conditions),
            "resourceRequests": [{"name": "main", "resources": {"cpu": "16", "nvidia.com/gpu": "4"}}],
        },
    }


def check(name="dws", state="Pending", message=""):
    return {"lastTransitionTime": "2026-01-02T03:04:05Z", "message": message, "name": name, "state": state}


def waiting(*names):
    """Those that wait in the LocalQueue, where there are as many of another one before each."""
    return {
        "apiVersion": "visibility.kueue.x-k8s.io/v1beta2",
        "kind": "PendingWorkloadsSummary",
        "metadata": {"creationTimestamp": None},
        "items": [
            {
                "localQueueName": "gpu-queue",
                "metadata": {"creationTimestamp": "2026-01-02T03:04:00Z", "name": name, "namespace": "ml"},
                "positionInClusterQueue": 2 * place + 1,
                "positionInLocalQueue": place,
                "priority": 0,
            }
            for place, name in enumerate(names)
        ],
    }
