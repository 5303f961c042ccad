# shellcheck shell=bash
# What the test files share: `load test_helper` in setup.

bats_require_minimum_version 1.5.0
REPOSITORY=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
bats_load_library "$REPOSITORY/node_modules/bats-support/load.bash"
bats_load_library "$REPOSITORY/node_modules/bats-assert/load.bash"

# Runs scripts/NAME as Airflow does, with bash and not by its run bit: fills status, output and stderr.
run_script() { # NAME ARGUMENT...
  run --separate-stderr bash "$REPOSITORY/scripts/$1" "${@:2}"
}

# The options that lead gcloud to the stand-in; BATS_FILE's namespace is the default of its kubeconfig.
cluster_options() { # -> cluster
  cluster=(--project "$LOCALGKE_PROJECT" --location "$LOCALGKE_LOCATION" --cluster "$LOCALGKE_CLUSTER")
}

# A namespace for the tests of this file, and a kubeconfig whose current context is in it: `setup_file` of most files.
use_own_namespace() {
  local name
  name=$(basename "$BATS_TEST_FILENAME" .bats)
  kubectl create --filename - >/dev/null <<<'{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "'"$name"'"}}'
  cp "$KUBECONFIG" "$BATS_FILE_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_FILE_TMPDIR/kubeconfig NAMESPACE=$name
  kubectl config set-context --current --namespace "$name" >/dev/null
}

# Buckets that are directories of $BUCKETS, and environments of the same names: `setup_file`, and end_storage_server in
# `teardown_file`.
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

# An Airflow of the environment whose bucket is $BUCKETS/NAME, as airflow_server.py imitates it: all DAGs are parsed. End it by
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

# Copies the checkout to DIRECTORY, with the minutes of a deployment as so many seconds.
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

# Makes this test a task instance of Airflow.
as_task() { # DAG TASK RUN [TRY [MAP-INDEX]]
  export AIRFLOW_CTX_DAG_ID=$1 AIRFLOW_CTX_TASK_ID=$2 AIRFLOW_CTX_DAG_RUN_ID=$3 AIRFLOW_CTX_TRY_NUMBER=${4:-1}
  export GKE_JOB_MAP_INDEX=${5:--1} GKE_JOB_AIRFLOW_ENVIRONMENT=test
}

# The condition and only then: polls it without any API traffic of the script under test.
wait_until() { # COMMAND...
  local limit=${WAIT_SECONDS:-30}
  local deadline=$((SECONDS + limit))
  until "$@"; do
    ((SECONDS < deadline)) || fail "not within $limit s: $*"
    sleep 0.05
  done
}

# The processes that were started with GKE_JOB_TEST_MARK=MARK, wherever they have gone.
marked() { # MARK
  grep --files-with-matches --no-messages --null-data --line-regexp "GKE_JOB_TEST_MARK=$1" /proc/[0-9]*/environ |
    cut --delimiter=/ --fields=3
}

none_marked() { # MARK
  [[ -z $(marked "$1") ]]
}

# Waits for a process of this test: fills status.
wait_for() { # PROCESS-ID
  status=0
  wait "$1" || status=$?
}

# An error is one line that says what, which object and what to do. run-job has logged its version before.
assert_one_error() { # STATUS REGEXP
  stderr=${stderr#run-job: gke-job "$(<"$REPOSITORY/scripts/VERSION")"$'\n'}
  mapfile -t stderr_lines <<<"$stderr"
  assert_equal "$status" "$1"
  assert_equal "${#stderr_lines[@]}" 1
  assert_regex "$stderr" "$2"
  assert_equal "$output" ''
}
