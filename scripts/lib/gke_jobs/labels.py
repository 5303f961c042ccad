"""The labels and annotations of the toolkit, and those of Kubernetes that it reads."""

from __future__ import annotations

OURS = "gke-job/"
IDENTITY = "gke-job/identity"  # label: hash of environment, DAG, task, run and map index
DAG = "gke-job/dag"  # label: the DAG id, shortened to a label value; DAG_ID is the complete id
TASK = "gke-job/task"  # label: the task id, shortened to a label value
MANIFEST_HASH = "gke-job/manifest-hash"
PROFILE = "gke-job/profile"
PRICE = "gke-job/price"  # the price of a Pod and hour, as JSON: price.py
LOST_ATTEMPTS = "gke-job/lost-attempts"  # how many earlier attempts with the same profile were lost to preemption
UNSCHEDULED = "gke-job/unscheduled"  # run-job --fallback ended the Job because it got no nodes within so many seconds
COLLECTED = "gke-job/collected"  # when collect-job read the result
GANG = "gke-job/gang"  # "true": the Pods of the Job are useful only all together; set by templates
AIRFLOW_ENVIRONMENT = "gke-job/airflow-environment"
DAG_ID = "gke-job/dag-id"
TASK_ID = "gke-job/task-id"
RUN_ID = "gke-job/run-id"
MAP_INDEX = "gke-job/map-index"
TRY_NUMBER = "gke-job/try-number"
DETACHED = "gke-job/detached"  # "true": the task has ended by design, and the Job continues

MANAGED_BY = "app.kubernetes.io/managed-by"  # label
MANAGER = "gke-job"  # its value

CONTROLLER_UID = "batch.kubernetes.io/controller-uid"  # label of a Job's Pods; anybody can copy it
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
QUEUE = "kueue.x-k8s.io/queue-name"
SPOT = "cloud.google.com/gke-spot"
