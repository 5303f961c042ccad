#!/usr/bin/env bats
# The profile of a Job: by name, by size, and after an attempt that failed for lack of memory, nodes or by preemption.

setup_file() {
  load test_helper
  use_generated_namespace
  profiles=$BATS_FILE_TMPDIR/team.yaml
  cat >"$profiles" <<'END'
profiles:
  small: {resources: {limits: {memory: 16Mi}}, next: large}
  large: {resources: {limits: {memory: 64Mi}}}
  nowhere: {node_selector: {no-such: node}, fallback: large}
  meagre: {resources: {limits: {memory: 16Mi}}, next: ample}
  ample: {resources: {limits: {memory: 64Mi}}, fallback: large}
  fragile: {resources: {limits: {memory: 16Mi}}, fallback: large, fallback_after: 2}
sizes:
  rows: [{at_most: 5, profile: small}, {profile: large}]
END
  export profiles
}

setup() {
  load test_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown_file() { delete_namespace; }

submit() { # SHELL-COMMAND OPTION... -> job
  run_script submit-job --template batch-job --values "$(values_file "$1")" --profiles "$profiles" "${@:2}"
  read -r job _ <<<"$output"
}

@test "a Job has the resources of its profile, and an annotation with the profile's name" {
  submit 'true' --profile-for rows=7
  assert_success
  assert_field "$job" '{.metadata.annotations.gke-job/profile}' large
  assert_field "$job" '{.spec.template.spec.containers[0].resources.limits.memory}' 64Mi
}

@test "with --escalate a submit attaches to a running Job of a larger profile" {
  submit 'sleep 60' --profile large
  local first=$output
  AIRFLOW_CTX_TRY_NUMBER=3 submit 'sleep 60' --profile small --escalate
  assert_success
  assert_equal "$output" "$first"
}

@test "after an OOMKilled attempt the next one has the next larger profile, up to the last one" {
  local attempt
  for attempt in small large large; do
    submit 'tail /dev/zero' --profile small --escalate
    assert_success
    assert_field "$job" '{.metadata.annotations.gke-job/profile}' "$attempt"
    wait_for_condition Failed "$job"
    AIRFLOW_CTX_TRY_NUMBER=$((AIRFLOW_CTX_TRY_NUMBER + 1))
  done
  assert_regex "$stderr" 'the last attempt was OOMKilled with profile large, which has no larger profile: keeping the profile'
}

@test "without --escalate an OOMKilled attempt is repeated with the same profile" {
  submit 'tail /dev/zero' --profile small
  wait_for_condition Failed "$job"
  submit 'tail /dev/zero' --profile small
  assert_success
  assert_field "$job" '{.metadata.annotations.gke-job/profile}' small
}

run_job() { # OPTION...
  run_script run-job --template batch-job --values "$(values_file 'echo 7 >/dev/termination-log')" --profiles "$profiles" "$@"
}

@test "after an attempt without nodes the next one has the fallback of its profile" {
  run_job --profile nowhere --fallback --schedule-timeout 2 --name moved
  assert_failure 124
  assert_regex "${stderr_lines[-1]}" 'Job moved in namespace .* got no nodes within 2 s and is stopped; the next run of this task uses the fallback of its profile, if there is one'
  wait_for_condition Failed moved
  assert_equal "$(conditions moved)" 'FailureTarget=True:DeadlineExceeded Failed=True:DeadlineExceeded'
  assert_field moved '{.metadata.annotations.gke-job/unscheduled}' 2
  AIRFLOW_CTX_TRY_NUMBER=2 run_job --profile nowhere --fallback --schedule-timeout 60 --name moved
  assert_success
  assert_output 7
  assert_regex "$stderr" 'the last attempt got no nodes within 2 s with profile nowhere: using large'
  assert_field moved '{.metadata.annotations.gke-job/profile} {.metadata.annotations.gke-job/unscheduled}' 'large '
}

@test "a mapped task takes the fallback only for itself" {
  local index
  for index in 0 1; do
    GKE_JOB_MAP_INDEX=$index submit 'true' --profile nowhere
    assert_success
  done
  kubectl annotate job "$job" gke-job/unscheduled=60 >/dev/null
  for index in 0 1; do
    GKE_JOB_MAP_INDEX=$index AIRFLOW_CTX_TRY_NUMBER=2 submit 'true' --profile nowhere --fallback
    assert_success
    [[ $index == 0 ]] || refute_regex "$stderr" 'attaching'
    assert_field "$job" '{.metadata.annotations.gke-job/profile}' "$([[ $index == 0 ]] && echo nowhere || echo large)"
  done
}

@test "a cleared task starts with its own profile and new counts, also after a changed manifest" {
  submit 'trap exit TERM; sleep 60 & wait' --profile fragile
  kubectl annotate job "$job" gke-job/unscheduled=60 gke-job/lost-attempts=1 >/dev/null
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'trap exit TERM; sleep 61 & wait' --profile fragile --fallback
  assert_regex "$stderr" 'got no nodes within 60 s with profile fragile, and .* 1 attempt was lost to preemption: using large'
  kubectl annotate job "$job" gke-job/unscheduled=60 >/dev/null
  AIRFLOW_CTX_TRY_NUMBER=3 GKE_JOB_CLEARED=attach submit 'true' --profile fragile --fallback
  assert_success
  assert_regex "$stderr" 'the task was cleared: starting with profile fragile, not large of the last attempt'
  assert_field "$job" '{.metadata.annotations.gke-job/profile} {.metadata.annotations.gke-job/lost-attempts}' 'fragile '
}

@test "foreign annotations are data: an invalid number counts as none, and they select no profile" {
  submit 'false' --profile fragile
  wait_for_condition Failed "$job"
  local mark=$BATS_TEST_TMPDIR/mark
  kubectl annotate job "$job" --overwrite "gke-job/lost-attempts=x; touch $mark" "gke-job/unscheduled=\$(touch $mark)" >/dev/null
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'false' --profile fragile --fallback
  assert_success
  assert_field "$job" '{.metadata.annotations.gke-job/profile} {.metadata.annotations.gke-job/lost-attempts}' 'fragile '
  wait_for_condition Failed "$job"
  kubectl annotate job "$job" --overwrite gke-job/lost-attempts=999999999 gke-job/profile=../../etc/passwd >/dev/null
  AIRFLOW_CTX_TRY_NUMBER=3 submit 'false' --profile fragile --fallback
  assert_success
  assert [ ! -e "$mark" ]
  assert_field "$job" '{.metadata.annotations.gke-job/profile} {.metadata.annotations.gke-job/lost-attempts}' 'fragile '
}

@test "an attempt that starts before the Job without nodes has failed replaces that Job" {
  submit 'true' --profile nowhere
  kubectl annotate job "$job" gke-job/unscheduled=60 >/dev/null
  AIRFLOW_CTX_TRY_NUMBER=2 submit 'true' --profile nowhere --fallback
  assert_success
  assert_regex "$stderr" 'using large.*replacing Job .*: it failed'
  assert_field "$job" '{.metadata.annotations.gke-job/profile}' large
}

@test "without --fallback, or with --on-kill keep, a Job without nodes is deleted or kept as usual" {
  run_job --profile nowhere --schedule-timeout 1 --name removed
  assert_failure 124
  wait_until no_job removed
  run_job --profile nowhere --fallback --on-kill keep --schedule-timeout 1 --name kept
  assert_failure 124
  assert_field kept '{.metadata.annotations.gke-job/unscheduled}{.spec.activeDeadlineSeconds}' ''
}

@test "a suspended Job does not lack nodes: it is deleted without a fallback" {
  printf '{"image": "busybox:1.37", "command": ["true"], "queue": "none"}' >"$BATS_TEST_TMPDIR/queued.json"
  run_job --values "$BATS_TEST_TMPDIR/queued.json" --profile nowhere --fallback --schedule-timeout 1 --name queued
  assert_failure 124
  wait_until no_job queued
}

# Submits a distributed Job, which fails when its Pod is evicted.
submit_distributed() { # TRY PROFILE [SHELL-COMMAND] -> job
  cat >"$BATS_TEST_TMPDIR/distributed.json" <<END
{"image": "busybox:1.37", "nodes": 1, "command": ["sh", "-c", "${3:-trap 'exit 1' TERM; sleep 600 & wait}"]}
END
  AIRFLOW_CTX_TRY_NUMBER=$1 submit '' --template distributed-job --values "$BATS_TEST_TMPDIR/distributed.json" \
    --profile "$2" --fallback --escalate
  assert_success
}

evict_pod_of() { # JOB
  local pod
  kubectl wait --for jsonpath='{.status.active}'=1 "job/$1" --timeout 60s
  pod=$(kubectl get pods --selector "job-name=$1" --output 'jsonpath={.items[0].metadata.name}')
  kubectl wait --for condition=Ready "pod/$pod" --timeout 60s
  kubectl create --raw "/api/v1/namespaces/$NAMESPACE/pods/$pod/eviction" --filename - >/dev/null <<END_OF_EVICTION
{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "$pod", "namespace": "$NAMESPACE"}}
END_OF_EVICTION
  wait_for_condition Failed "$1"
}

@test "after fallback_after preemptions the next attempt has the fallback of the profile" {
  submit_distributed 1 fragile
  evict_pod_of "$job"
  submit_distributed 2 fragile
  assert_regex "$stderr" 'the last attempt had profile fragile, with which 1 attempt was lost to preemption: keeping the profile'
  assert_field "$job" '{.metadata.annotations.gke-job/profile} {.metadata.annotations.gke-job/lost-attempts}' 'fragile 1'
  evict_pod_of "$job"
  submit_distributed 3 fragile
  assert_regex "$stderr" 'the last attempt had profile fragile, with which 2 attempts were lost to preemption: using large'
  assert_field "$job" '{.metadata.annotations.gke-job/profile} {.metadata.annotations.gke-job/lost-attempts}' 'large '
}

@test "an OOMKilled attempt and then a preempted one: the larger profile, then its fallback" {
  submit_distributed 1 meagre 'tail /dev/zero'
  wait_for_condition Failed "$job"
  submit_distributed 2 meagre
  assert_regex "$stderr" 'the last attempt was OOMKilled with profile meagre: using ample'
  evict_pod_of "$job"
  submit_distributed 3 meagre
  assert_regex "$stderr" 'the last attempt had profile ample, with which 1 attempt was lost to preemption: using large'
  assert_field "$job" '{.metadata.annotations.gke-job/profile}' large
}
