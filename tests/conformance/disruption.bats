#!/usr/bin/env bats
# bats file_tags=needs:nodes
# A node that is drained while a Job runs on it.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

teardown() {
  end_children
  [[ -z ${node-} ]] || kubectl uncordon "$node"
}

teardown_file() { delete_namespace; }

# Creates a Job of one Pod that runs until it is ended, follows it, and drains its node; the Pod in its place finds its
# name in a ConfigMap, and succeeds. SPEC is JSON laid over that of the Job.
drain_under() { # JOB SPEC -> follower, node
  # shellcheck disable=SC2016 # for the shell of the container
  create_job "$1" '[ "$DRAINED" ] || { echo running; trap "exit 1" TERM; sleep 60 & wait; }; echo 7 >/dev/termination-log' \
    "$2" '{"env": [{"name": "DRAINED", "valueFrom": {"configMapKeyRef": {"name": "'"$1"'", "key": "drained", "optional": true}}}]}'
  kubectl get pods --selector "job-name=$1" --watch \
    --output 'jsonpath={.status.conditions[?(@.type=="DisruptionTarget")].reason}{"\n"}' >"$BATS_TEST_TMPDIR/reasons" 3>&- &
  bash "$REPOSITORY/scripts/follow-job" --job "$1" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  follower=$!
  wait_until grep -q '| running$' "$BATS_TEST_TMPDIR/out"
  node=$(kubectl get pods --selector "job-name=$1" --output 'jsonpath={.items[0].spec.nodeName}')
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "'"$1"'"}, "data": {"drained": "yes"}}'
  kubectl drain "$node" --ignore-daemonsets --pod-selector "job-name=$1"
}

assert_completes() { # JOB
  kubectl uncordon "$node"
  wait_for "$follower"
  assert_equal "$status" 0
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "Pod $1-.{5} is removed"
  assert_equal "$(sort --unique "$BATS_TEST_TMPDIR/reasons" | xargs)" EvictionByEvictionAPI
  run_script collect-job --job "$1"
  assert_output 7
}

@test "A#59626: a Pod that is drained is replaced, and follow-job waits for the one in its place" {
  drain_under counted '{"backoffLimit": 1}'
  assert_completes counted
  assert_field counted '{.status.failed} {.status.succeeded}' '1 1'
}

@test "argo-workflows#2901: with a policy that ignores disruptions, a drained Pod is no failure" {
  drain_under ignored '{"backoffLimit": 0, "podFailurePolicy":
    {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}}'
  assert_completes ignored
  assert_field ignored '{.status.failed} {.status.succeeded}' ' 1'
}
