# shellcheck shell=bash
# Shared by the test files: `load test_helper` in setup.

bats_require_minimum_version 1.5.0
REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bats_load_library "$REPOSITORY/node_modules/bats-support/load.bash"
bats_load_library "$REPOSITORY/node_modules/bats-assert/load.bash"

# Runs scripts/NAME with bash, as Airflow does. Sets status, output and stderr.
run_script() { # NAME ARGUMENT...
  run --separate-stderr bash "$REPOSITORY/scripts/$1" "${@:2}"
}

# Sets cluster to the options that select the stand-in with gcloud; the namespace is that of the kubeconfig.
cluster_options() { # -> cluster
  cluster=(--project "$LOCALGKE_PROJECT" --location "$LOCALGKE_LOCATION" --cluster "$LOCALGKE_CLUSTER")
}

# Creates a namespace for this file, and a kubeconfig whose current context has it: for `setup_file`.
use_own_namespace() {
  local name
  name=$(basename "$BATS_TEST_FILENAME" .bats)
  kubectl create --filename - >/dev/null <<<'{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "'"$name"'"}}'
  use_namespace "$name"
}

# Gives this file its own kubeconfig, whose current context has the namespace.
use_namespace() { # NAME -> NAMESPACE
  cp "$KUBECONFIG" "$BATS_FILE_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_FILE_TMPDIR/kubeconfig NAMESPACE=$1
  kubectl config set-context --current --namespace "$1" >/dev/null
}

# Starts a server whose buckets are directories of $BUCKETS, with environments of the same names: for `setup_file`, with
# end_storage_server in `teardown_file`.
use_storage_server() {
  local address
  export BUCKETS=$BATS_FILE_TMPDIR/buckets
  mkdir -p "$BUCKETS"
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/storage_server.py" "$BUCKETS" "$BATS_FILE_TMPDIR/port" 2>/dev/null 3>&- &
  export STORAGE_SERVER=$!
  wait_until test -s "$BATS_FILE_TMPDIR/port"
  address=http://127.0.0.1:$(<"$BATS_FILE_TMPDIR/port")
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=$address/storage/v1/ CLOUDSDK_CORE_DISABLE_PROMPTS=1
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPOSER=$address/
}

# Starts airflow_server.py as the Airflow of the environment with the bucket $BUCKETS/NAME: all DAGs are parsed. Stop it with
# end_airflow_server.
use_airflow_server() { # NAME -> AIRFLOW, its directory
  AIRFLOW=$BATS_TEST_TMPDIR/airflow
  mkdir "$AIRFLOW"
  echo '[{"dag_id": "ours", "relative_fileloc": "ours.py", "is_stale": false, "last_parsed_time": "NOW"}]' >"$AIRFLOW/dags"
  echo '[]' >"$AIRFLOW/importErrors"
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/airflow_server.py" "$AIRFLOW" "$AIRFLOW/port" 2>/dev/null 3>&- &
  AIRFLOW_SERVER=$!
  wait_until test -s "$AIRFLOW/port"
  printf 'http://127.0.0.1:%s' "$(<"$AIRFLOW/port")" >"$BUCKETS/$1.airflow"
}

end_airflow_server() {
  [[ ! ${AIRFLOW_SERVER-} ]] || kill "$AIRFLOW_SERVER"
}

# Copies the checkout to DIRECTORY, with shorter times for deployments.
copy_checkout() { # DIRECTORY
  local lib=$1/scripts/lib/gke_jobs/deployment
  cp -r "$REPOSITORY/scripts" "$REPOSITORY/dags" "$REPOSITORY/templates" "$1"
  sed -i 's/^SYNC_SECONDS = 300 /SYNC_SECONDS = 0 /' "$lib/plan.py"
  sed -i 's/^PARSE_SECONDS = 60$/PARSE_SECONDS = 0/' "$lib/parsed.py"
  sed -i 's/^POLL_SECONDS = 10.0$/POLL_SECONDS = 0.1/; s/^HEARTBEAT_SECONDS = 60.0$/HEARTBEAT_SECONDS = 1.0/' "$lib/waiting.py"
}

end_storage_server() {
  kill "$STORAGE_SERVER"
}

# A metadata server that takes connections and answers never: no real one can be had that hangs. End it by
# end_silent_metadata_server in `teardown`.
use_silent_metadata_server() {
  local address
  "$GKE_JOB_PYTHON" -c '
import os, signal, socket, sys
server = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1] + ".new", "w") as file:
    file.write("{}:{}".format(*server.getsockname()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
signal.pause()' "$BATS_TEST_TMPDIR/silent" 3>&- &
  SILENT_SERVER=$!
  wait_until test -e "$BATS_TEST_TMPDIR/silent"
  address=$(<"$BATS_TEST_TMPDIR/silent")
  export GCE_METADATA_HOST=$address GCE_METADATA_IP=$address GCE_METADATA_ROOT=$address
  export CLOUDSDK_CONFIG=$BATS_TEST_TMPDIR/gcloud # where gcloud notes that there is none
}

end_silent_metadata_server() {
  [[ ! ${SILENT_SERVER-} ]] || kill "$SILENT_SERVER"
}

# Creates a Job whose container runs a shell command; SPEC and CONTAINER are JSON that overrides those of the Job.
create_job() { # NAME SHELL-COMMAND [SPEC [CONTAINER]]
  "$GKE_JOB_PYTHON" -c '
import json, sys
name, command, spec, container = sys.argv[1:]
main = {"name": "main", "image": "busybox:1.37", "command": ["sh", "-c", command], **json.loads(container)}
template = {"spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [main]}}
print(json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
                  "spec": {"backoffLimit": 0, "template": template, **json.loads(spec)}}))
' "$1" "$2" "${3:-{\}}" "${4:-{\}}" | kubectl create --output 'jsonpath={.metadata.uid}' --filename -
}

# Writes the values of a batch-job that runs a shell command; prints the file's path.
values_file() { # SHELL-COMMAND
  local file=$BATS_TEST_TMPDIR/values.json
  "$GKE_JOB_PYTHON" -c '
import json, sys
print(json.dumps({"image": "busybox:1.37", "command": ["sh", "-c", sys.argv[1]], "retries": 0}))' "$1" >"$file"
  printf '%s\n' "$file"
}

# Reads the line of the last submit-job.
submitted() { # -> job, namespace, uid
  # shellcheck disable=SC2034 # for the tests
  read -r job namespace uid <<<"$output"
}

# Starts submit-job three times at once, and asserts that all succeed with the same line. Their output is in
# $BATS_TEST_TMPDIR/{out,err}.{1,2,3}.
submit_three_times() { # OPTION...
  local number runners=()
  for number in 1 2 3; do
    bash "$REPOSITORY/scripts/submit-job" "$@" >"$BATS_TEST_TMPDIR/out.$number" 2>"$BATS_TEST_TMPDIR/err.$number" 3>&- &
    runners+=($!)
  done
  for number in "${runners[@]}"; do
    wait_for "$number"
    assert_equal "$status" 0
  done
  assert_equal "$(sort --unique "$BATS_TEST_TMPDIR"/out.* | wc -l)" 1
}

# Configures gcloud with a token of the stand-in's cluster file.
use_gcloud_token() { # TOKEN
  printf %s "$1" >"$BATS_TEST_TMPDIR/token"
  export CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token
}

wait_for_condition() { # CONDITION JOB
  kubectl wait --for "jsonpath={.status.conditions[?(@.type==\"$1\")].status}=True" "job/$2" --timeout 60s
}

gone() { # KIND/NAME...
  [[ -z $(kubectl get "$@" --ignore-not-found --output name) ]]
}

no_job() { # NAME
  gone "job/$1"
}

# Sets the environment of a task instance of Airflow.
as_task() { # DAG TASK RUN [TRY [MAP-INDEX]]
  export AIRFLOW_CTX_DAG_ID=$1 AIRFLOW_CTX_TASK_ID=$2 AIRFLOW_CTX_DAG_RUN_ID=$3 AIRFLOW_CTX_TRY_NUMBER=${4:-1}
  export GKE_JOB_MAP_INDEX=${5:--1} GKE_JOB_AIRFLOW_ENVIRONMENT=test
}

# Polls a command until it succeeds; fails after WAIT_SECONDS, by default 60.
wait_until() { # COMMAND...
  local limit=${WAIT_SECONDS:-60}
  local deadline=$((SECONDS + limit))
  until "$@"; do
    ((SECONDS < deadline)) || fail "not within $limit s: $*"
    sleep 0.05
  done
}

# Prints the ids of the processes with GKE_JOB_TEST_MARK=MARK in their environment, in whatever session they are.
marked() { # MARK
  grep --files-with-matches --no-messages --null-data --line-regexp "GKE_JOB_TEST_MARK=$1" /proc/[0-9]*/environ |
    cut --delimiter=/ --fields=3
}

none_marked() { # MARK
  [[ -z $(marked "$1") ]]
}

# Waits for a child process. Sets status to its exit code.
wait_for() { # PROCESS-ID
  status=0
  wait "$1" || status=$?
}

# Asserts that stderr is one line, which matches REGEXP, after the version that run-job logs, and that stdout is empty.
assert_one_error() { # STATUS REGEXP
  stderr=${stderr#run-job: gke-job "$(<"$REPOSITORY/scripts/VERSION")"$'\n'}
  mapfile -t stderr_lines <<<"$stderr"
  assert_equal "$status" "$1"
  assert_equal "${#stderr_lines[@]}" 1
  assert_regex "$stderr" "$2"
  assert_equal "$output" ''
}
