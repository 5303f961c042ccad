#!/usr/bin/env bats
# bats file_tags=needs:init-containers,needs:host-path
# The ported tasks of dags/MIGRATION.md, run by Airflow: the environment of their containers, and their results.

setup_file() {
  load test_helper
  use_generated_namespace
  export AIRFLOW_HOME=$BATS_FILE_TMPDIR/airflow AIRFLOW__CORE__DAGS_FOLDER=$BATS_FILE_TMPDIR/dags
  export AIRFLOW__CORE__LOAD_EXAMPLES=False PYTHONWARNINGS=ignore
  mkdir "$BATS_FILE_TMPDIR/claim" "$AIRFLOW__CORE__DAGS_FOLDER"
  printf 'b\na\n' >"$BATS_FILE_TMPDIR/claim/rows.txt"
  chmod 777 "$BATS_FILE_TMPDIR/claim" # Kubernetes does not apply fsGroup to a hostPath
  create_volume "$BATS_FILE_TMPDIR/claim"
  create_what_the_tasks_name
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/ported.py" "$NAMESPACE" >"$AIRFLOW__CORE__DAGS_FOLDER/ported.py"
  job >"$AIRFLOW__CORE__DAGS_FOLDER/score.json"
  run_dag >"$BATS_FILE_TMPDIR/log" 2>&1 || {
    cat "$BATS_FILE_TMPDIR/log"
    return 1
  }
}

setup() { load test_helper; }

teardown_file() {
  delete_namespace
  kubectl delete persistentvolume "$NAMESPACE" --ignore-not-found --wait=false >/dev/null
}

create_volume() { # DIRECTORY
  kubectl create --filename - >/dev/null <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: $NAMESPACE}
spec:
  storageClassName: by-hand
  capacity: {storage: 1Mi}
  accessModes: [ReadWriteOnce]
  claimRef: {namespace: $NAMESPACE, name: train-data}
  hostPath: {path: $1, type: Directory}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: train-data}
spec:
  storageClassName: by-hand
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Mi}}
END
}

create_what_the_tasks_name() {
  kubectl create configmap train-settings --from-literal SETTING=from-the-configmap >/dev/null
  kubectl create configmap train-program --from-literal train.py="$(train_program)" >/dev/null
  kubectl create configmap score-program --from-literal score.py='
import os
index = int(os.environ["JOB_COMPLETION_INDEX"])
open("/dev/termination-log", "w").write(str(index * index))' >/dev/null
  kubectl create secret generic database --from-literal password=of-the-database >/dev/null
  kubectl create secret generic signing-keys --from-literal key=to-sign-with >/dev/null
  kubectl create secret docker-registry registry --docker-username=u --docker-password=p >/dev/null
}

# Fails in the first try, which leaves a file in the claim for the second try.
train_program() {
  cat <<'END'
import json, os, sys, urllib.request
from pathlib import Path

tries = Path("/data/tries")
tries.touch()
tries.write_text(tries.read_text() + "x")
if tries.read_text() == "x":
    sys.exit("the first try fails")
seen = {
    "arguments": sys.argv[1:],
    "variables": [os.environ[name] for name in ("MODEL", "ROUNDS", "SETTING", "DB_PASSWORD")],
    "key": Path("/keys/key").read_text(),
    "claim": Path("/data/rows.txt").read_text(),
    "sorted by the init container": Path("/shared/sorted.txt").read_text(),
    "served by the sidecar": urllib.request.urlopen("http://127.0.0.1:8080/sorted.txt").read().decode(),
    "user and group": [os.getuid(), 1000 in os.getgroups()],
}
Path("/airflow/xcom/return.json").write_text(json.dumps(seen))
END
}

# Prints a V1Job as the Kubernetes client serializes it.
job() {
  local spec
  spec=$(job_spec "{\"containers\": [$(container score 'echo 7 >/dev/termination-log')]}" \
    '{"completions": 2, "parallelism": 2, "backoffLimit": 3, "ttlSecondsAfterFinished": 600}')
  printf '{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "score"}, "spec": %s}\n' "$spec"
}

run_dag() {
  local airflow
  airflow=$(dirname "$GKE_JOB_PYTHON")/airflow
  "$airflow" db migrate && PYTHONPATH=$PYTHONPATH:$REPOSITORY/dags "$airflow" dags test ported </dev/null
}

returned() { # TASK [KEY]
  "$GKE_JOB_PYTHON" -c '
import json, sys
from demo.results import last_results
database, task, *key = sys.argv[1:]
value = last_results(database)[1][task]
print(json.dumps(value[key[0]] if key else value))' "$AIRFLOW_HOME/airflow.db" "$@"
}

job_of() { # TASK
  kubectl get jobs --output "jsonpath={.items[?(@.metadata.annotations.gke-job/task-id==\"$1\")].metadata.name}"
}

@test "the Pod: its program has the same arguments, variables and files as before" {
  assert_regex "$(returned train arguments)" '^\["--day=20[0-9]{2}-[0-9]{2}-[0-9]{2}"\]$'
  assert_equal "$(returned train variables)" '["churn", "3", "from-the-configmap", "of-the-database"]'
  assert_equal "$(returned train key)" '"to-sign-with"'
  assert_equal "$(returned train 'user and group')" '[1000, true]'
}

@test "the Pod: the claim, the init container and the sidecar share their volumes with it" {
  assert_equal "$(returned train claim)" '"b\na\n"'
  assert_equal "$(returned train 'sorted by the init container')" '"a\nb\n"'
  assert_equal "$(returned train 'served by the sidecar')" '"a\nb\n"'
}

@test "the Pod: it failed once, and the Job retried it" {
  assert_field "$(job_of train)" '{.status.failed} {.status.succeeded} {.spec.backoffLimit}' '1 1 2'
  assert_equal "$(<"$BATS_FILE_TMPDIR/claim/tries")" xx
}

@test "the Pod: its scheduling fields are unchanged" {
  local job spec='{.spec.template.spec'
  job=$(job_of train)
  assert_field "$job" "$spec.imagePullSecrets}" '[{"name":"registry"}]'
  assert_field "$job" "$spec.tolerations}" '[{"effect":"NoSchedule","key":"dedicated","operator":"Equal","value":"training"}]'
  assert_field "$job" "$spec.affinity.nodeAffinity.*.nodeSelectorTerms[*].matchExpressions}" \
    '[{"key":"kubernetes.io/os","operator":"In","values":["linux"]}]'
  assert_field "$job" "$spec.terminationGracePeriodSeconds}" 20
  assert_field "$job" "$spec.containers[0].resources}" \
    '{"limits":{"memory":"128Mi"},"requests":{"cpu":"100m","memory":"64Mi"}}'
}

@test "the Job: three indexes, two in parallel, and their results in order" {
  local job
  job=$(job_of score)
  assert_equal "$(returned score)" '[0, 1, 4]'
  assert_field "$job" '{.spec.completionMode} {.spec.completions} {.spec.parallelism}' 'Indexed 3 2'
  assert_field "$job" '{.spec.backoffLimitPerIndex} {.spec.ttlSecondsAfterFinished}' '1 600'
  assert_field "$job" '{.metadata.labels.team} {.spec.template.metadata.labels.team}' 'vision vision'
}

@test "the complete V1Job: it runs unchanged, in the namespace of the task" {
  local job
  job=$(job_of score_as_it_was)
  assert_equal "$(returned score_as_it_was)" 7
  assert_field "$job" '{.spec.completions} {.spec.parallelism} {.spec.backoffLimit} {.status.succeeded}' '2 2 3 2'
  assert_field "$job" '{.spec.template.spec.containers[*].name}' score
}
