"""The labels and annotations of the toolkit, and those of Kubernetes that it reads."""

from __future__ import annotations

OURS = "gke-job/"
IDENTITY = "gke-job/identity"  # label: hash of environment, DAG, task, run and map index
DAG = "gke-job/dag"  # label: the DAG's id as a label value, as far as it can be one; DAG_ID is the id itself
TASK = "gke-job/task"  # label: likewise, of the task
MANIFEST_HASH = "gke-job/manifest-hash"
PROFILE = "gke-job/profile"
PRICE = "gke-job/price"  # what a Pod costs an hour, as JSON: price.py
LOST_ATTEMPTS = "gke-job/lost-attempts"  # how many attempts before, with the same profile, were lost to preemption
UNSCHEDULED = "gke-job/unscheduled"  # run-job --fallback has ended the Job because it got no nodes in so many seconds
COLLECTED = "gke-job/collected"  # when collect-job has taken the result
GANG = "gke-job/gang"  # "true": the Pods of the Job are of use only all together; set by templates
AIRFLOW_ENVIRONMENT = "gke-job/airflow-environment"
DAG_ID = "gke-job/dag-id"
TASK_ID = "gke-job/task-id"
RUN_ID = "gke-job/run-id"
MAP_INDEX = "gke-job/map-index"
TRY_NUMBER = "gke-job/try-number"
DETACHED = "gke-job/detached"  # "true": the task has ended by design, and the Job goes on

MANAGED_BY = "app.kubernetes.io/managed-by"  # label
MANAGER = "gke-job"  # its value

CONTROLLER_UID = "batch.kubernetes.io/controller-uid"  # label of a Job's Pods, which anybody may copy
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
QUEUE = "kueue.x-k8s.io/queue-name"
SPOT = "cloud.google.com/gke-spot"
