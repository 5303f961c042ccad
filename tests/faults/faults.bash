# shellcheck shell=bash
# A proxy that breaks things, for bats files: sourced after test_helper. README.md tells what a FAULT is.
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
