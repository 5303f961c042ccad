#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a subshell; cluster is set by cluster_options of test_helper
setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  load job_helper
  cluster_options
  as_task dag "$BATS_TEST_NAME" run
}

@test "runs a Job on the named cluster and prints only its result on stdout" {
  unset KUBECONFIG
  run_job 'echo training; echo "{\"loss\": 0.5}" > /dev/termination-log' "${cluster[@]}" --namespace "$NAMESPACE"
  assert_success
  assert_output '{"loss":0.5}'
  assert_regex "$stderr" '\| training'
}

@test "a failed Job: 1, with the reason and no result" {
  run_job 'echo broken; exit 3'
  assert_failure 1
  assert_output ''
  assert_regex "$stderr" 'BackoffLimitExceeded|backoff limit'
}

@test "with GKE_JOB_LEVELS warnings and errors have a level, and container lines have none" {
  export GKE_JOB_LEVELS=yes
  run_job 'echo "<3>mine"; exit 127' --name leveled
  assert_regex "$stderr" $'\n[a-z0-9]{5} \\| <3>mine\n'
  assert_regex "$stderr" $'\n<4>follow-job: Pod leveled-[a-z0-9]+ has failed with exit code 127\n'
  assert_regex "$stderr" $'\n<4>  container main: exit code 127\n'
  assert_regex "$stderr" $'\n<3>advice: '
  assert_regex "$stderr" $'\n<3>follow-job: Job leveled failed: [^\n]*$'
  assert_regex "$stderr" '(^|.)submit-job: created Job leveled'
  run_job 'true' --name leveled --values missing.json
  assert_regex "$stderr" $'\n<3>render-job: '
  unset GKE_JOB_LEVELS
  run_job 'exit 1' --name plain
  refute_regex "$stderr" '<[34]>'
}

@test "with GKE_JOB_LEVELS the last message of a script that gives up is an error" {
  GKE_JOB_LEVELS=yes run_job 'true' --name unreachable --namespace no-such-namespace
  assert_failure
  assert_regex "$stderr" $'(^|\n)<3>submit-job: cannot create Job unreachable: [^\n]*$'
}

@test "prints the links to the Job and its logs in the Google Cloud console" {
  run_job 'true' "${cluster[@]}" --namespace "$NAMESPACE" --name linked
  local place=$LOCALGKE_LOCATION/$LOCALGKE_CLUSTER/$NAMESPACE/linked
  assert_regex "$stderr" "console: https://console.cloud.google.com/kubernetes/job/$place/details\?project=$LOCALGKE_PROJECT"
  assert_regex "$stderr" 'Cloud Logging: resource.type="k8s_container" .* labels."k8s-pod/job-name"="linked"'
  assert_regex "$stderr" 'logs/query;query=resource.type%3D%22k8s_container%22%0A.*labels.%22k8s-pod%2Fjob-name%22%3D%22linked%22\?project'
}

@test "--timeout ends with 124 and deletes the Job" {
  run_job 'sleep 60' --timeout 1 --name slow
  assert_failure 124
  wait_until no_job slow
}

@test "a Job that its TTL removes at once succeeds, and its missing result is logged" {
  printf '{"image": "busybox:1.37", "command": ["sh", "-c", "sleep 1; echo 1 >/dev/termination-log"], "ttl_seconds": 0}' \
    >"$BATS_TEST_TMPDIR/values.json"
  run_script run-job --template batch-job --values "$BATS_TEST_TMPDIR/values.json"
  assert_success
  assert_regex "$output" '^(null|1)$'
  [[ $output == 1 ]] || assert_regex "$stderr" '(already removed: its result is|their results are) missing'
}

@test "--dry-run prints the manifest and shows every command" {
  run_job 'true' --dry-run --project p --location l --cluster c
  assert_success
  assert_output --partial 'kind: "Job"'
  local command
  for command in 'gcloud container clusters get-credentials c' 'kubectl create' 'kubectl get job' 'kubectl annotate job'; do
    assert_regex "$stderr" "would run: $command"
  done
}

@test "the options for the profile and the validation are those of submit-job" {
  printf '%s\n' 'profiles: {mine: {node_selector: {kubernetes.io/os: linux}}}' 'sizes: {rows: [{profile: mine}]}' \
    >"$BATS_TEST_TMPDIR/team.yaml"
  AIRFLOW_CTX_TRY_NUMBER=2 run_job 'true' --profiles "$BATS_TEST_TMPDIR/team.yaml" --profile-for rows=5 --escalate \
    --validate server --name chosen --set labels.team=a --set labels.model=b
  assert_success
  assert_equal "$(kubectl get job chosen --output 'jsonpath={.metadata.labels.team} {.metadata.labels.model}')" 'a b'
  assert_regex "$stderr" 'the Job of the last attempt no longer exists: starting with profile mine'
  assert_equal "$(kubectl get job chosen --output 'jsonpath={.metadata.annotations.gke-job/profile}')" mine
}

@test "--dry-run --validate server sends the manifest to the cluster, and shows the other commands" {
  printf '{"image": "busybox:1.37", "pod": {"containers": [{"name": "other"}]}}' >"$BATS_TEST_TMPDIR/bad.json"
  run_script run-job --template batch-job --values "$BATS_TEST_TMPDIR/bad.json" --dry-run --validate server "${cluster[@]}" \
    --namespace "$NAMESPACE"
  assert_one_error 65 'containers\[1\].image: Required value.*\.containers\[1\].image is in values.pod.containers, _macros.yaml.j2 line [0-9]+$'
  run_job 'true' --dry-run --validate server "${cluster[@]}" --namespace "$NAMESPACE"
  assert_success
  assert_output --partial 'kind: "Job"'
  assert_regex "$stderr" 'would run: kubectl .*get job'
}

@test "an invalid --on-kill is a usage error: 64" {
  run_job 'true' --on-kill stop
  assert_one_error 64 "option --on-kill is 'stop': it must be one of delete, keep"
}

@test "a missing --template is a usage error: 64" {
  run_script run-job
  assert_one_error 64 'option --template is missing'
}

@test "the exit code of a stage is the exit code of the run: 66 for a missing template" {
  run_script run-job --template nope
  assert_one_error 66 'nope'
}

@test "a Job that will never start is deleted, with the reason: 78" {
  "$GKE_JOB_PYTHON" -c 'import json; print(json.dumps({"image": "no-such-image", "command": ["true"]}))' >"$BATS_TEST_TMPDIR/values"
  run_script run-job --template batch-job --values "$BATS_TEST_TMPDIR/values" --name never --start-timeout 1 --on-kill keep
  assert_failure 78
  assert_output ''
  assert_regex "$stderr" 'Job never will never start: for 1 s Pod never-.* is unable to start on '
  assert_regex "${stderr_lines[-1]}" 'it will never start; Job never in namespace .* is deleted$'
}

# Prints a file of the report directory of run-job.
reported() { # NAME
  cat "$GKE_JOB_CALLER_DIR/$1"
}

use_report() {
  export GKE_JOB_CALLER_DIR=$BATS_TEST_TMPDIR/report
  mkdir "$GKE_JOB_CALLER_DIR"
}

@test "--mark later leaves the mark to the caller, with the Job's name and the credentials" {
  use_report
  run_job 'echo 5 > /dev/termination-log' "${cluster[@]}" --namespace "$NAMESPACE" --mark later --name unmarked
  assert_success
  assert_output 5
  assert_equal "$(kubectl get job unmarked --output 'jsonpath={.metadata.annotations.gke-job/collected}')" ''
  assert_regex "$(reported job)" "^unmarked $NAMESPACE [-0-9a-f]{36}\$"
  assert_regex "$(reported logs)" '^https://console.cloud.google.com/logs/query;query='
  KUBECONFIG=$GKE_JOB_CALLER_DIR/kubeconfig run_script collect-job --job unmarked --namespace "$NAMESPACE" --mark only
  assert_success
  AIRFLOW_CTX_TRY_NUMBER=2 run_job 'echo 5 > /dev/termination-log' --name unmarked
  assert_regex "$stderr" 'replacing Job unmarked: it is complete, and its result was collected'
}

@test "D4: the caller gets the reason, the advice and the exit code of a failed Job" {
  use_report
  run_job 'exit 127' --name broken
  assert_failure 1
  assert_regex "$(reported reason)" '^Job broken failed: Job has reached the specified backoff limit'
  assert_regex "$(reported failure.json)" \
    '^\{"cause": "Pod broken-[a-z0-9]+: container main: exit code 127", "advice": "[^"]+.*", "exit_codes": \[127\]\}$'
}

@test "D4: the caller gets the image that cannot be pulled, without repeating the cause" {
  use_report
  run_script run-job --template batch-job --namespace "$NAMESPACE" --name no-image --set image=no-such-image:1 --start-timeout 1
  assert_failure 78
  assert_regex "$(reported failure.json)" '^\{"cause": "image no-such-image:1: .+ \(Pod no-image-[a-z0-9]+: container main: (ErrImagePull|ImagePullBackOff)\)"'
  run_script run-job --template batch-job --namespace "$NAMESPACE" --name nowhere --set image=busybox --profile gpu-a100-spot \
    --schedule-timeout 2
  assert_failure 124
  assert_regex "$(reported reason)" "--schedule-timeout has expired: .*didn't match Pod's node affinity/selector"
  assert_regex "$(reported failure.json)" '^\{"cause": "", "advice": "no node (that the Pod tolerates )?has all of the labels '
}

@test "the removal of the previous Job does not count for --schedule-timeout" {
  local released
  run_job 'exit 3' --name slow-removal
  kubectl patch job slow-removal --type merge --patch '{"metadata": {"finalizers": ["test/hold"]}}'
  bash "$REPOSITORY/scripts/run-job" --template batch-job --namespace "$NAMESPACE" --name slow-removal --set image=busybox \
    --profile gpu-a100-spot --schedule-timeout 4 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  wait_until grep --quiet 'deleting Job slow-removal' "$BATS_TEST_TMPDIR/err"
  sleep 5 # longer than --schedule-timeout
  kubectl patch job slow-removal --type merge --patch '{"metadata": {"finalizers": []}}'
  released=$SECONDS
  wait_for $!
  assert_equal "$status" 124
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'Job slow-removal has no node: --schedule-timeout has expired'
  ((SECONDS - released >= 4))
}

@test "D4: the caller gets the reason of a run without a Job" {
  use_report
  run_script run-job --template nope
  assert_failure 66
  assert_regex "$(reported reason)" 'nope'
  assert_regex "$stderr" "$(reported reason)"
  printf '{"image": ' >"$BATS_TEST_TMPDIR/bad.json"
  run_script run-job --template batch-job --values "$BATS_TEST_TMPDIR/bad.json" --namespace "$NAMESPACE"
  assert_failure 65
  assert_regex "$(reported reason)" 'bad.json'
}

@test "V7: a complete Job without the required result: 65" {
  run_job 'true' --name without --result-required
  assert_failure 65
  assert_output ''
  assert_regex "${stderr_lines[-1]}" 'Job without is complete, but its container wrote no result; a result is required'
}
