#!/usr/bin/env bats
# bats file_tags=needs:rbac,needs:policies
# templates/policy.yaml allows the toolkit's labels and annotations, and manualSelector, only for the users that it names.

setup_file() {
  load test_helper
  use_generated_namespace
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/roles.py" "$REPOSITORY/templates/role.yaml" "$NAMESPACE" |
    kubectl create --filename - >/dev/null
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/policy.py" "$REPOSITORY/templates/policy.yaml" "$NAMESPACE" \
    "system:serviceaccount:$NAMESPACE:everything" ml-people | kubectl create --filename - >/dev/null
  wait_until is_in_force
  kubectl create "${named[@]}" --filename - >/dev/null <<<"$(job_object ours "$OURS" '{"suspend": true}' "$OURS")"
  kubectl create "${named[@]}" --filename - >/dev/null <<<"$(pod_object ours "$OURS")"
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown_file() {
  kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy "$NAMESPACE" >/dev/null
  delete_namespace
}

# Prints a Job with an additional label, because Kubernetes copies the labels of the Pods to a Job without labels.
LABEL='"labels": {"app": "a", "gke-job/identity": "0123456789ab"}'
ANNOTATION='"annotations": {"gke-job/manifest-hash": "0123456789ab"}'
OURS="$LABEL, $ANNOTATION"

job_object() { # NAME METADATA [SPEC [METADATA-OF-ITS-PODS]]
  printf '{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "%s"%s}, "spec": %s}' "$1" "${2:+, $2}" \
    "$(job_spec "{\"containers\": [$(container main true)]}" "${3-}" "{${4-}}")"
}

# Prints a Pod without a node, so that no component changes it.
pod_object() { # NAME METADATA
  printf '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "%s"%s}, "spec": {"containers": [%s], "nodeSelector": {"no": "node"}}}' \
    "$1" "${2:+, $2}" "$(container main true)"
}

is_in_force() {
  ! kubectl create --dry-run=server --filename - >/dev/null 2>&1 <<<"$(pod_object probe "$LABEL")"
}

# Creates an object as a user in the group of the policy, who has all permissions.
named=(--as ada --as-group ml-people --as-group system:masters)

create() { # MANIFEST [KUBECTL-OPTION...]
  kubectl create --dry-run=server "${@:2}" --filename - <<<"$1"
}

change() { # KUBECTL-ARGUMENT...
  kubectl "$@" --dry-run=server
}

# Asserts that the policy refuses a command of the user of these tests, who has all permissions but is not in the policy.
assert_reserved() { # COMMAND...
  run --separate-stderr "$@"
  assert_failure
  assert_regex "$stderr" "ValidatingAdmissionPolicy '$NAMESPACE' with binding .* denied request: .* reserved for the users and groups"
}

assert_allowed() { # COMMAND...
  run --separate-stderr "$@"
  assert_success
}

@test "the API server accepts the expressions of the policy" {
  local status_of_policy='{.status.observedGeneration} {.status.typeChecking.expressionWarnings}'
  wait_until kubectl wait validatingadmissionpolicy "$NAMESPACE" --for 'jsonpath={.status.observedGeneration}=1' --timeout 1s
  assert_equal "$(kubectl get validatingadmissionpolicy "$NAMESPACE" --output "jsonpath=$status_of_policy")" '1 '
}

@test "for a user in the policy run-job returns its result, and Pods get the labels of their Job" {
  copy_kubeconfig
  use_token "$(kubectl create token everything)"
  wait_until kubectl auth can-i --quiet --context token get jobs.batch # the API server reads new Roles with a delay
  run_script run-job --context token --namespace "$NAMESPACE" --template indexed-job --name named \
    --values <(printf '{"image": "busybox:1.37", "command": ["sh", "-c", "echo 7 >/dev/termination-log"], "items": [1]}')
  assert_success
  assert_output '[7]'
  refute_regex "$stderr" 'annot|rror|denied'
  assert [ "$(field named '{.metadata.annotations.gke-job/collected}')" ]
  assert_equal "$(kubectl get pods --selector job-name=named --output 'jsonpath={.items[*].metadata.labels.gke-job/identity}')" \
    "$(field named '{.metadata.labels.gke-job/identity}')"

  printf 'profiles: {nowhere: {node_selector: {no-such: node}, fallback: cpu-small}}\n' >"$BATS_TEST_TMPDIR/team.yaml"
  run_script run-job --context token --namespace "$NAMESPACE" --template batch-job --values "$(values_file true)" --name ended \
    --profiles "$BATS_TEST_TMPDIR/team.yaml" --profile nowhere --fallback --schedule-timeout 1
  assert_failure 124
  assert_field ended '{.metadata.annotations.gke-job/unscheduled}' 1
  assert_reserved change annotate job ended --overwrite gke-job/unscheduled=2
  assert_reserved change annotate job ended gke-job/lost-attempts=2
}

@test "S4: for other users run-job ends with 65, names the policy, and creates no Job" {
  run_script run-job --template batch-job --values "$(values_file true)" --name refused
  assert_one_error 65 "a policy of the cluster denies it: .*ValidatingAdmissionPolicy '$NAMESPACE' .* gke-job/\* are reserved"
  assert no_job refused
}

@test "S4: other users cannot create Jobs or Pods with a label or an annotation of the toolkit" {
  local metadata
  for metadata in "$LABEL" "$ANNOTATION"; do
    assert_reserved create "$(job_object forged "$metadata")"
    assert_reserved create "$(job_object forged '"labels": {"team": "a"}' '{}' "$metadata")"
    assert_reserved create "$(pod_object forged "$metadata")"
  done
  assert_allowed create "$(job_object free '"labels": {"team": "a"}' '{}' '"annotations": {"gke-job": "a"}')"
  assert_allowed create "$(pod_object free '"labels": {"team": "a"}')"
}

@test "S4: a controller cannot create them for other users" {
  local controllers=system:serviceaccount:kube-system
  assert_reserved create "$(job_object forged "$LABEL")" --as "$controllers:cronjob-controller"
  assert_reserved create "$(pod_object forged "$LABEL")" --as "$controllers:replicaset-controller"
}

@test "other users cannot add, change or remove these, not in the status either; other labels are free" {
  local kind verb
  for kind in job pod; do
    assert_reserved change label "$kind" ours gke-job/more=x
    assert_reserved change label "$kind" ours --overwrite gke-job/identity=x
    assert_reserved change label "$kind" ours gke-job/identity-
    assert_reserved change annotate "$kind" ours gke-job/collected=x
    assert_reserved change annotate "$kind" ours --overwrite gke-job/manifest-hash=x
    assert_reserved change annotate "$kind" ours gke-job/manifest-hash-
    assert_reserved change patch "$kind" ours --subresource status --patch "{\"metadata\": {\"labels\": {\"gke-job/identity\": \"x\"}}}"
    for verb in label annotate; do assert_allowed change "$verb" "$kind" ours team=a; done
  done
  assert_reserved change patch job ours --patch '{"spec": {"template": {"metadata": {"labels": {"gke-job/identity": "x"}}}}}'
  assert_allowed change patch job ours --patch '{"spec": {"template": {"metadata": {"labels": {"team": "a"}}}}}'
}

@test "the group in the policy may do all of this" {
  assert_allowed change label job ours --overwrite gke-job/identity=x "${named[@]}"
  assert_allowed change annotate pod ours gke-job/manifest-hash- "${named[@]}"
  assert_allowed create "$(job_object named-selector "$LABEL" "$MANUAL" "$SELECTED")" "${named[@]}"
}

MANUAL='{"manualSelector": true, "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}}'
SELECTED='"labels": {"batch.kubernetes.io/controller-uid": "u"}'

@test "S1: other users cannot create a Job with manualSelector" {
  assert_reserved create "$(job_object impostor '' "$MANUAL" "$SELECTED")"
  assert_reserved change patch job ours --patch '{"spec": {"manualSelector": true}}'
  assert_allowed create "$(job_object free '' '{"manualSelector": false}')"
}
