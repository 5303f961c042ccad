# shellcheck shell=bash
# A proxy that breaks things, for bats files: sourced after test_helper. README.md tells what a FAULT is.
#
# A file of nothing but such cases sources setup.bash.
#
#   setup_file: start_proxy, before the file takes its namespace; teardown_file: stop_proxy, after it has given it back
#   teardown:   clear_faults

# Puts a proxy between the cluster of this suite and what this file starts from now on.
start_proxy() {
  export DIRECT_KUBECONFIG=$KUBECONFIG FAULTS_STATE=$BATS_FILE_TMPDIR/faults
  "$GKE_JOB_PYTHON" -m faults start --state "$FAULTS_STATE" --upstream "${CLUSTER_STATE:-$LOCALGKE_STATE}"
  # shellcheck disable=SC1091 # written by the proxy
  source "$FAULTS_STATE/env"
}

stop_proxy() {
  "$GKE_JOB_PYTHON" -m faults stop --state "$FAULTS_STATE"
}

# These faults from now on, and no others.
fault() { # FAULT...
  "$GKE_JOB_PYTHON" -m faults set --state "$FAULTS_STATE" "$@"
}

clear_faults() {
  "$GKE_JOB_PYTHON" -m faults clear --state "$FAULTS_STATE"
}

# How many requests of a kind came in so far; `struck`: how often a fault has struck.
requests() { # KIND
  "$GKE_JOB_PYTHON" -m faults count --state "$FAULTS_STATE" |
    "$GKE_JOB_PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# kubectl past the proxy, in the namespace of this file: no fault strikes it, nobody counts it.
kubectl_directly() { # KUBECTL-ARGUMENT...
  kubectl --kubeconfig "$DIRECT_KUBECONFIG" --namespace "$NAMESPACE" "$@"
}

# Starts run-job with a Job that waits until it is resumed, and waits until it is followed with both watches. TTL: of the
# finished Job.
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

# Waits until so many more requests of a kind have come in.
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
