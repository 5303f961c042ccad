"""The race's airflow DAG with a script as people write it by hand, and the one whose task runs no Job."""

from __future__ import annotations

import os
import time
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import BaseOperator
from race import IMAGE, RUN, dag, recorded

SCRIPT = """
set -o errexit -o nounset -o pipefail
export KUBECONFIG=$HOME/.kube/config
gcloud container clusters get-credentials "$CLUSTER" --location "$LOCATION" --project "$PROJECT"
kubectl apply --filename - <<END
apiVersion: batch/v1
kind: Job
metadata:
  name: $JOB
  namespace: $NAMESPACE
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: $IMAGE
        command: [sh, -c, '$COMMAND']
END
kubectl wait --namespace "$NAMESPACE" --for condition=complete --timeout 24h "job/$JOB" &
complete=$!
kubectl wait --namespace "$NAMESPACE" --for condition=failed --timeout 24h "job/$JOB" &
failed=$!
trap 'kill "$complete" "$failed" 2>/dev/null || true' EXIT
wait -n "$complete" "$failed"
kubectl logs --namespace "$NAMESPACE" "job/$JOB"
test "$(kubectl get job --namespace "$NAMESPACE" "$JOB" --output 'jsonpath={.status.succeeded}')" = 1
"""


def script(namespace: str) -> BaseOperator:
    return Script(
        task_id="job",
        bash_command=SCRIPT,
        append_env=True,
        env={
            "CLUSTER": os.environ["LOCALGKE_CLUSTER"],
            "LOCATION": os.environ["LOCALGKE_LOCATION"],
            "PROJECT": os.environ["LOCALGKE_PROJECT"],
            "NAMESPACE": namespace,
            "IMAGE": IMAGE,
            "JOB": RUN,
            "COMMAND": "{{ dag_run.conf['script'] }}",
        },
    )


class Sleep(BaseOperator):
    """Does nothing for the `seconds` of the run's configuration."""

    def execute(self, context: Any) -> None:
        time.sleep(context["dag_run"].conf.get("seconds", 0))


Script, Empty = recorded(BashOperator), recorded(Sleep)
by_hand = dag("script", script)
empty = dag("empty", lambda _: Empty(task_id="job"))
