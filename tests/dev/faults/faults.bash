# shellcheck shell=bash
# A proxy that injects faults, for bats files: source it after test_helper. README.md documents FAULT.
#
# A file whose cases all use the proxy sources setup.bash instead.
#
#   setup_file: start_proxy, before use_generated_namespace; teardown_file: stop_proxy, after delete_namespace
#   teardown:   clear_faults

# Starts a proxy, and sets the environment so that gcloud and kubectl use it.
start_proxy() {
  export DIRECT_KUBECONFIG=$KUBECONFIG FAULTS_STATE=$BATS_FILE_TMPDIR/faults
  "$GKE_JOB_PYTHON" -m faults start --state "$FAULTS_STATE" --upstream "${CLUSTER_STATE:-$LOCALGKE_STATE}"
  # shellcheck disable=SC1091 # written by the proxy
  source "$FAULTS_STATE/env"
}

stop_proxy() {
  "$GKE_JOB_PYTHON" -m faults stop --state "$FAULTS_STATE"
}

# Replaces the faults.
fault() { # FAULT...
  "$GKE_JOB_PYTHON" -m faults set --state "$FAULTS_STATE" "$@"
}

clear_faults() {
  "$GKE_JOB_PYTHON" -m faults clear --state "$FAULTS_STATE"
}

# Prints the number of requests of a kind so far; `struck`: those that met a fault.
requests() { # KIND
  "$GKE_JOB_PYTHON" -m faults count --state "$FAULTS_STATE" |
    "$GKE_JOB_PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# Runs kubectl without the proxy, in the namespace of this file: it meets no fault and is not counted.
kubectl_directly() { # KUBECTL-ARGUMENT...
  kubectl --kubeconfig "$DIRECT_KUBECONFIG" --namespace "$NAMESPACE" "$@"
}

# Starts run-job with a suspended Job, and waits until both watches of follow-job run. TTL: ttlSecondsAfterFinished.
start_suspended_job() { # SHELL-COMMAND [OPTION...] -> runner, job
  local watches template=$BATS_TEST_TMPDIR/suspended.yaml.j2
  watches=$(requests watch)
  cat >"$template" <<END_OF_TEMPLATE
apiVersion: batch/v1
kind: Job
spec:
  suspend: true
  backoffLimit: {{ values.retries }}
  ttlSecondsAfterFinished: ${TTL-3600}
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: {{ values.image }}
          command: {{ values.command }}
END_OF_TEMPLATE
  bash "$REPOSITORY/scripts/run-job" --template "$template" --values "$(values_file "$1")" "${@:2}" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  said 'is suspended'
  more_requests watch "$watches" 2
  # shellcheck disable=SC2034 # for the tests
  job=$(sed -n 's/.*: \(created\|attaching to\) Job \([^ :]*\).*/\2/p' "$BATS_TEST_TMPDIR/err")
}

said() { # TEXT
  wait_until grep --quiet --no-messages "$1" "$BATS_TEST_TMPDIR/err"
}

# Waits until NUMBER more requests of a kind than BEFORE have arrived.
more_requests() { # KIND BEFORE NUMBER
  wait_until at_least "$1" "$(($2 + $3))"
}

at_least() { # KIND NUMBER
  (($(requests "$1") >= $2))
}

resume() { # JOB
  kubectl_directly patch job "$1" --type merge --patch '{"spec": {"suspend": false}}'
}

terminate() {
  kill -TERM "$runner"
}

assert_ended() { # STATUS RESULT
  wait_for "$runner"
  assert_equal "$status" "$1"
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" "$2"
}
