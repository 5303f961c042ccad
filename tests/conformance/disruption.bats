#!/usr/bin/env bats
# bats file_tags=needs:nodes
# A node that is drained, tainted or deleted while a Job runs on it.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() { load test_helper; }

IGNORE_DISRUPTIONS='{"backoffLimit": 0, "podFailurePolicy":
  {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}}'

teardown() {
  end_children
  [[ -z ${node-} ]] || make_whole
}

teardown_file() { delete_namespace; }

# Creates a Job whose Pod runs until it is ended, and follows it. The replacement of the Pod finds the name of the first Pod
# in a ConfigMap, and succeeds. SPEC is JSON that overrides that of the Job.
start_to_disrupt() { # JOB SPEC -> follower, pod, node
  # shellcheck disable=SC2016 # for the shell of the container
  create_job "$1" '[ "$DISRUPTED" ] || { echo running; trap "exit 1" TERM; sleep 600 & wait; }; echo 7 >/dev/termination-log' \
    "$2" '{"env": [{"name": "DISRUPTED", "valueFrom": {"configMapKeyRef": {"name": "'"$1"'", "key": "disrupted", "optional": true}}}]}'
  kubectl get pods --selector "job-name=$1" --watch \
    --output 'jsonpath={.status.conditions[?(@.type=="DisruptionTarget")].reason}{"\n"}' >"$BATS_TEST_TMPDIR/reasons" 3>&- &
  bash "$REPOSITORY/scripts/follow-job" --job "$1" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  follower=$!
  wait_until grep -q '| running$' "$BATS_TEST_TMPDIR/out"
  read -r pod node < <(kubectl get pods --selector "job-name=$1" --output 'jsonpath={.items[0].metadata.name} {.items[0].spec.nodeName}{"\n"}')
  kubectl create --filename - <<<'{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "'"$1"'"}, "data": {"disrupted": "yes"}}'
}

drain() { # JOB
  kubectl drain "$node" --ignore-daemonsets --pod-selector "job-name=$1"
}

# Restores the node after a test. A real kubelet registers its node only when it starts.
make_whole() {
  if ! kubectl get node "$node"; then
    [[ $CONFORMANCE_CLUSTER != k8s ]] || "$GKE_JOB_PYTHON" -m k8s restart kubelet --state "$CLUSTER_STATE"
  else
    kubectl uncordon "$node"
    kubectl taint nodes "$node" preempted:NoExecute- || true
  fi
}

assert_completes() { # JOB REASON
  kubectl wait --for delete "pod/$pod" --timeout 120s
  make_whole
  wait_for "$follower"
  assert_equal "$status" 0
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" "Pod $pod is removed"
  assert_equal "$(sort --unique "$BATS_TEST_TMPDIR/reasons" | xargs)" "$2"
  run_script collect-job --job "$1"
  assert_output 7
}

@test "A#59626: a drained Pod is replaced, and follow-job waits for its replacement" {
  start_to_disrupt counted '{"backoffLimit": 1}'
  drain counted
  assert_completes counted EvictionByEvictionAPI
  assert_field counted '{.status.failed} {.status.succeeded}' '1 1'
}

@test "argo-workflows#2901: a drained Pod is no failure with a policy that ignores disruptions" {
  start_to_disrupt ignored "$IGNORE_DISRUPTIONS"
  drain ignored
  assert_completes ignored EvictionByEvictionAPI
  assert_field ignored '{.status.failed} {.status.succeeded}' ' 1'
}

@test "a Pod that does not tolerate a new taint of its node is replaced, without a failure if ignored" {
  start_to_disrupt tainted "$IGNORE_DISRUPTIONS"
  kubectl taint nodes "$node" preempted:NoExecute
  assert_completes tainted DeletionByTaintManager
  assert_field tainted '{.status.failed} {.status.succeeded}' ' 1'
}

@test "a Pod of a removed node, as after a preemption, is replaced, without a failure if ignored" {
  start_to_disrupt homeless "$IGNORE_DISRUPTIONS"
  kubectl delete node "$node"
  assert_completes homeless DeletionByPodGC
  assert_field homeless '{.status.failed} {.status.succeeded}' ' 1'
}
