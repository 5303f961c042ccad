# shellcheck shell=bash
# Shared by the cases: `load test_helper` in setup_file and setup.

: "${CONFORMANCE_CLUSTER:?is not set: run the suite with make conformance}"
source "$BATS_TEST_DIRNAME/../integration/test_helper.bash"

# Creates a namespace for this file; setup_file of every file calls it. EXTRA is JSON: more labels.
use_generated_namespace() { # [EXTRA]
  unset "${!AIRFLOW_CTX_@}" GKE_JOB_MAP_INDEX GKE_JOB_AIRFLOW_ENVIRONMENT COMPOSER_ENVIRONMENT
  NAMESPACE=gke-job-conformance-$(basename "$BATS_TEST_FILENAME" .bats)-$CONFORMANCE_RUN
  kubectl create --filename - >/dev/null <<END_OF_NAMESPACE
{"apiVersion": "v1", "kind": "Namespace",
 "metadata": {"name": "$NAMESPACE", "labels": {"gke-job/conformance": "$CONFORMANCE_RUN"${1:+, $1}}}}
END_OF_NAMESPACE
  use_namespace "$NAMESPACE"
}

# Releases the resources of this file. The stand-in cannot delete a namespace, and ends after the run. With a running Indexed Job
# a namespace is never removed: see dags/TROUBLESHOOTING.md.
delete_namespace() {
  kubectl delete jobs --all --wait=false >/dev/null
  [[ $CONFORMANCE_CLUSTER == localgke ]] || kubectl delete namespace "$NAMESPACE" --wait=false >/dev/null
}

field() { # JOB JSONPATH
  kubectl get job "$1" --output jsonpath="$2"
}

assert_field() { # JOB JSONPATH EXPECTED
  assert_equal "$(field "$1" "$2")" "$3"
}

# Prints the conditions of a Job in their order: TYPE=STATUS:REASON ...
conditions() { # JOB
  field "$1" '{range .status.conditions[*]}{.type}={.status}:{.reason} {end}' | sed 's/ $//'
}

# Succeeds if an object has an event with this reason whose message contains MESSAGE.
event() { # OBJECT REASON MESSAGE
  kubectl get events --field-selector "involvedObject.name=$1,reason=$2" --output jsonpath='{.items[*].message}' |
    grep --quiet --fixed-strings "$3"
}

# Adds a context "token" for the user of a token, in the namespace of this file.
use_token() { # TOKEN
  kubectl config set-credentials token --token "$1" >/dev/null
  kubectl config set-context token --user token --namespace "$NAMESPACE" \
    --cluster "$(kubectl config view --minify --output 'jsonpath={.contexts[0].context.cluster}')" >/dev/null
}

# Gives this test its own copy of the kubeconfig, which it may change.
copy_kubeconfig() {
  cp "$BATS_FILE_TMPDIR/kubeconfig" "$BATS_TEST_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
}

# Makes this test a ServiceAccount that may VERB Jobs: the API server reads new Roles with a delay.
act_as() { # SERVICE-ACCOUNT VERB
  copy_kubeconfig
  use_token "$(kubectl create token "$1")"
  kubectl config use-context token >/dev/null
  wait_until kubectl auth can-i --quiet "$2" jobs.batch
}

explain() { # JOB
  run_script explain-job --job "$1"
  assert_success
}

# Succeeds if the quota is in force.
quota_counts() { # NAME
  [[ $(kubectl get quota "$1" --output 'jsonpath={.status.hard}') ]]
}

# Ends the background processes of a test; for `teardown`.
end_children() {
  local children
  children=$(jobs -pr)
  # shellcheck disable=SC2086 # one word for each process
  [[ -z $children ]] || kill $children
}

no_pods() { # JOB
  [[ -z $(kubectl get pods --selector "job-name=$1" --output name) ]]
}

# Prints a container that runs a shell command, as JSON.
container() { # NAME SHELL-COMMAND
  "$GKE_JOB_PYTHON" -c '
import json, sys
name, command = sys.argv[1:]
print(json.dumps({"name": name, "image": "busybox:1.37", "command": ["sh", "-c", command]}))' "$@"
}

# Prints the spec of a Job as JSON, for create_job and job_template, from fields of the Pod, the Job and the Pod's metadata.
job_spec() { # POD-SPEC [SPEC [POD-METADATA]]
  "$GKE_JOB_PYTHON" -c '
import json, sys
pod, spec, metadata = map(json.loads, sys.argv[1:])
pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, **pod}
print(json.dumps({"backoffLimit": 0, "template": {"metadata": metadata, "spec": pod}, **spec}))
' "$1" "${2:-{\}}" "${3:-{\}}"
}

# Writes a template of a Job with a spec; prints the file's path.
job_template() { # SPEC
  printf '{"apiVersion": "batch/v1", "kind": "Job", "spec": %s}\n' "$1" >"$BATS_TEST_TMPDIR/job.yaml.j2"
  printf '%s\n' "$BATS_TEST_TMPDIR/job.yaml.j2"
}

# The command of a container that runs until its Pod is deleted, and then succeeds with the result 7.
# shellcheck disable=SC2034 # for the tests
SAVES='trap "echo saved; echo 7 >/dev/termination-log; exit 0" TERM; echo training; sleep 600 & wait'

# Deletes the Pod of a Job that run-job follows, when its container has set its trap and printed "training".
end_training() { # JOB
  wait_until grep --quiet '| training' "$BATS_TEST_TMPDIR/err"
  kubectl delete pods --selector "job-name=$1" --wait=false
}

succeeded() { # JOB NUMBER
  [[ $(field "$1" '{.status.succeeded}') == "$2" ]]
}
