#!/usr/bin/env bats
# bats file_tags=needs:rbac
# The Role of templates/role.yaml is enough, and each of its verbs is needed: the error names a missing verb.

setup_file() {
  load test_helper
  use_generated_namespace
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/roles.py" "$REPOSITORY/templates/role.yaml" "$NAMESPACE" |
    kubectl create --filename - >/dev/null
  create_job running 'echo hello; trap exit TERM; sleep 3600 & wait'
  create_job complete 'echo hello; echo 7 >/dev/termination-log'
}

setup() {
  load test_helper
  load ../integration/job_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown_file() { delete_namespace; }

# Makes this test a ServiceAccount of roles.py: with the whole Role, or without a verb.
become() { # everything|VERB RESOURCE
  local account="$*" verb='create'
  [[ $account != 'create jobs' ]] || verb='get'
  account=${account//[ \/]/-}
  act_as "$account" "$verb"
}

@test "with exactly that Role run-job runs, attaches, replaces and is interrupted; delete-job deletes" {
  become everything
  run_job 'echo hello; echo 7 >/dev/termination-log'
  assert_success
  assert_output 7
  assert_regex "$stderr" '\| hello'
  refute_regex "$stderr" 'orbidden|rror'

  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 60 & wait')" --name attached
  assert_success
  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 60 & wait')" --name attached
  assert_regex "$stderr" 'attaching to Job attached'

  run_job 'exit 3' --name replaced
  assert_failure 1
  run_job 'exit 3' --name replaced
  assert_failure 1
  assert_regex "$stderr" 'created Job replaced'

  run_script explain-job --job replaced
  assert_success
  assert_line '  container main: exit code 3'
  assert_equal "$stderr" ''

  run_job 'trap exit TERM; sleep 60 & wait' --name slow --timeout 30 # it counts from before the submission
  assert_failure 124
  assert_regex "$stderr" 'Job slow in namespace .* is deleted'

  run_script delete-job --job attached
  assert_success
}

# Submits a Job and writes a list that contains only this Job.
list_abandoned() { # NAME
  run_script submit-job --template batch-job --values "$(values_file 'trap exit TERM; sleep 60 & wait')" --name "$1"
  assert_success
  bash "$REPOSITORY/scripts/list-jobs" --json |
    "$GKE_JOB_PYTHON" -c 'import json, sys; print(json.dumps([job for job in json.load(sys.stdin) if job["job"] == sys.argv[1]]))' \
      "$1" >"$BATS_TEST_TMPDIR/list"
}

@test "with exactly that Role list-jobs lists and reap-jobs deletes" {
  become everything
  list_abandoned abandoned
  run_script reap-jobs --jobs "$BATS_TEST_TMPDIR/list" --airflow-environment test
  assert_success
  assert_output abandoned
  assert gone job/abandoned
}

@test "without list on jobs, list-jobs: 77" {
  become list jobs
  run_script list-jobs
  assert_one_error 77 'cannot list the Jobs: permission denied: .* cannot list resource "jobs"'
}

@test "without delete on jobs, reap-jobs: 77" {
  become everything
  list_abandoned kept
  become delete jobs
  run_script reap-jobs --jobs "$BATS_TEST_TMPDIR/list" --airflow-environment test
  assert_failure 77
  assert_regex "$stderr" 'cannot delete Job kept: permission denied: .* cannot delete resource "jobs"'
}

@test "without create on jobs, submit-job: 77" {
  become create jobs
  run_job 'true'
  assert_failure 77
  assert_regex "$stderr" 'cannot create Job .*: permission denied: .* cannot create resource "jobs" in API group "batch"'
}

@test "without get on jobs, collect-job: 77" {
  become get jobs
  run_script collect-job --job running
  assert_one_error 77 'cannot collect Job running: permission denied: .* cannot get resource "jobs"'
}

@test "without list on jobs, follow-job: 77" {
  become list jobs
  run_script follow-job --job running
  assert_failure 77
  assert_regex "$stderr" 'cannot watch Job running: permission denied: .* cannot list resource "jobs"'
}

@test "without watch on jobs, follow-job: 77" {
  become watch jobs
  run_script follow-job --job running
  assert_failure 77
  assert_regex "$stderr" 'cannot watch Job running: permission denied: .* cannot watch resource "jobs"'
}

@test "without patch on jobs, collect-job prints the result and reports that it could not set the mark" {
  wait_for_condition Complete complete
  become patch jobs
  run_script collect-job --job complete
  assert_success
  assert_output 7
  assert_regex "$stderr" 'cannot patch resource "jobs"'
  assert_regex "$stderr" 'cannot mark Job complete as collected, so the next run of its task will collect this result again: permission denied'
}

@test "with exactly that Role a Job without nodes is ended for the fallback; without patch it is deleted" {
  printf 'profiles: {nowhere: {node_selector: {no-such: node}, fallback: cpu-small}}\n' >"$BATS_TEST_TMPDIR/team.yaml"
  local options=(--profiles "$BATS_TEST_TMPDIR/team.yaml" --profile nowhere --fallback --schedule-timeout 1)
  become everything
  run_job 'true' --name ended "${options[@]}"
  assert_failure 124
  assert_regex "$stderr" 'Job ended in namespace .* got no nodes within 1 s and is stopped'
  assert_field ended '{.metadata.annotations.gke-job/unscheduled}' 1

  become patch jobs
  run_job 'true' --name deleted "${options[@]}"
  assert_failure 124
  assert_regex "$stderr" 'cannot end Job deleted so that the next run sees it: permission denied: .* cannot patch resource "jobs"'
  assert_regex "$stderr" 'its timeout has expired; Job deleted in namespace .* is deleted'
  wait_until gone job/deleted
}

@test "without delete on jobs, delete-job: 77" {
  become delete jobs
  run_script delete-job --job complete
  assert_failure 77
  assert_regex "$stderr" 'cannot delete Job complete: permission denied: .* cannot delete resource "jobs"'
}

@test "without list on pods, follow-job: 77" {
  become list pods
  run_script follow-job --job running
  assert_failure 77
  assert_regex "$stderr" 'cannot watch Job running: permission denied: .* cannot list resource "pods"'
}

@test "without watch on pods, follow-job: 77" {
  become watch pods
  run_script follow-job --job running
  assert_failure 77
  assert_regex "$stderr" 'cannot watch Job running: permission denied: .* cannot watch resource "pods"'
}

@test "without get on pods/log, a message replaces the log; the exit code is correct" {
  wait_for_condition Complete complete
  become get pods/log
  run_script follow-job --job complete
  assert_success
  assert_output ''
  assert_regex "$stderr" 'cannot get resource "pods/log"'
}

@test "without list on events, explain-job reports that and prints the rest" {
  wait_for_condition Complete complete
  become list events
  run_script explain-job --job complete
  assert_success
  assert_equal "${lines[0]}" 'Job complete is complete: CompletionsReached: Reached expected number of succeeded pods'
  assert_regex "$output" 'events.*permission denied: .* cannot list resource "events"'
}

@test "without list on events, follow-job and poll-job still wait for a Pod" {
  create_job mounts true '{"template": {"spec": {
    "restartPolicy": "Never", "volumes": [{"name": "v", "secret": {"secretName": "never"}}],
    "containers": [{"name": "main", "image": "busybox:1.37", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]}}}'
  become list events
  run_script follow-job --job mounts --start-timeout 1 --timeout 12
  assert_failure 124
  run_script poll-job --job mounts --start-timeout 1
  assert_one_error 75 'Job mounts is not finished'
}

# Submits a Job with the name of this test that owns a ConfigMap or a Service.
submit_owner() { # indexed-job|distributed-job [OPTION...]
  local own='"items": [1]'
  [[ $1 == indexed-job ]] || own='"nodes": 1'
  printf '{"image": "busybox:1.37", "command": ["sleep", "60"], %s}' "$own" >"$BATS_TEST_TMPDIR/owner.json"
  run_script submit-job --template "$1" --values "$BATS_TEST_TMPDIR/owner.json" "${@:2}"
}

@test "with exactly that Role a Job owns a ConfigMap or a Service, which are deleted with the Job" {
  local template job object
  for template in indexed-job distributed-job; do
    become everything
    as_task dag "owner of $template" run
    submit_owner "$template"
    assert_success
    job=${output%% *}
    submit_owner "$template"
    assert_success
    assert_regex "$stderr" 'attaching to Job'
    object=configmap/$job-items
    [[ $template == indexed-job ]] || object=service/$job
    assert kubectl get "$object"
    run_script delete-job --job "$job"
    assert_success
    export KUBECONFIG=$BATS_FILE_TMPDIR/kubeconfig
    wait_until gone "$object"
  done
}

@test "without create on configmaps, submit-job: 77, and no Job is created" {
  become create configmaps
  submit_owner indexed-job --name denied-items
  assert_one_error 77 'cannot create ConfigMap/.*-items: permission denied: .* cannot create resource "configmaps"'
  assert gone job/denied-items
}

@test "without get on configmaps, submit-job: 77 if the ConfigMap exists" {
  become everything
  submit_owner indexed-job
  assert_success
  become get configmaps
  submit_owner indexed-job
  assert_failure 77
  assert_regex "$stderr" 'cannot read ConfigMap/.*-items: permission denied: .* cannot get resource "configmaps"'
}

@test "without create on services, submit-job: 77, and no Job is created" {
  become create services
  submit_owner distributed-job --name denied-group
  assert_one_error 77 'cannot create Service/.*: permission denied: .* cannot create resource "services"'
  assert gone job/denied-group
}

@test "without get on services, submit-job: 77 if the Service exists" {
  become everything
  submit_owner distributed-job
  assert_success
  become get services
  submit_owner distributed-job
  assert_failure 77
  assert_regex "$stderr" 'cannot read Service/.*: permission denied: .* cannot get resource "services"'
}

@test "the Role has only the verbs of this file" {
  run "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/roles.py" --list "$REPOSITORY/templates/role.yaml"
  assert_success
  local verb resource
  while read -r verb resource; do
    assert grep --quiet "^  become $verb $resource\$" "$BATS_TEST_FILENAME"
  done <<<"$output"
}
