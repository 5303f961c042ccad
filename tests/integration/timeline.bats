#!/usr/bin/env bats
# shellcheck disable=SC2154 # cluster is set by cluster_options of test_helper
# What a run leaves in its log at its end: summary and timeline.

setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  load ending_helper
}

teardown() {
  [[ ! -e ${FAULTS_STATE-} ]] || stop_proxy
}

@test "the log of a run ends with the summary, the timeline and the verdict" {
  cluster_options
  as_task dag train run 2
  run_job timed 'echo hello; sleep 1' "${cluster[@]}" --namespace "$NAMESPACE"
  assert_success
  assert_equal "${stderr_lines[-1]}" 'follow-job: Job timed is complete'
  assert_regex "$stderr" $'\ngke-job-summary: \\{[^\n]*\\}\ntimeline: succeeded after [0-9.]+ s: Job timed\n'
  assert_regex "$stderr" $'\n  [a-z0-9]{5} [^ ]+ \\[[^]\n]*=+\\] succeeded\n'
  assert_equal "$(summary '[cluster, dag_id, task_id, try_number, outcome, exit_code, pods, log_bytes]')" \
    "['$LOCALGKE_PROJECT/$LOCALGKE_LOCATION/$LOCALGKE_CLUSTER', 'dag', 'train', '2', 'succeeded', 0, 1, 14]"
  assert_equal "$output" null
}

@test "of a Job that failed they have its retries, exit codes and cause" {
  run_job failing 'exit 3' --set retries:=1
  assert_failure 1
  assert_equal "$(summary '[outcome, pods, retries, exit_codes]')" "['failed', 2, 1, {'3': 2}]"
  assert_regex "$(summary cause)" '^Pod failing-.{5}: container main: exit code 3$'
  assert_regex "$stderr" $'\n  cause: Pod failing-.{5}: container main: exit code 3\n'
}

@test "a run that is interrupted prints them when its Job is deleted" {
  local values runner
  values=$(values_file 'sleep 600')
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" --name killed \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep --quiet 'is running on' "$BATS_TEST_TMPDIR/err"
  kill "$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  stderr=$(<"$BATS_TEST_TMPDIR/err")
  assert_equal "$(summary '[outcome, exit_code, pods_by_outcome]')" "['interrupted', 143, {'running': 1}]"
  assert_regex "$stderr" $'Job killed in namespace [^\n]* is deleted\ngke-job-summary: [^\n]*\ntimeline: interrupted after '
  assert_regex "$stderr" $'\n  1 Pod: 1 running when deleted\n'
  assert_regex "$stderr" $'\nrun-job: the run was interrupted$'
}

# A price for a Pod and hour, and a profile that has it.
prices() { # -> options
  printf '%s\n' 'profiles: {mine: {node_selector: {kubernetes.io/os: linux}}}' \
    'prices: {currency: EUR, profiles: {mine: {on_demand: 3600}}}' >"$BATS_TEST_TMPDIR/team.yaml"
  options=(--profiles "$BATS_TEST_TMPDIR/team.yaml" --profile mine)
}

@test "what a Pod cost that runs when run-job deletes its Job is wasted, and not where the Job goes on" {
  local options kept
  prices
  start_sleeping late "${options[@]}"
  run_script run-job --job late --uid "$uid" --timeout 12
  assert_failure 124
  assert_equal "$(summary '[[*cost["wasted_by_outcome"]], 0 < cost["wasted"] == cost["total"]]')" "[['timed_out'], True]"
  assert_regex "$stderr" $'\n  1 Pod: 1 running when deleted\n'
  assert_regex "$stderr" $'\n  wasted: [^\n]* EUR: timed out [^\n]*\nfollow-job: Job late is not finished: --timeout has expired\n'
  assert_regex "${stderr_lines[-1]}" 'its timeout has expired; Job late in namespace .* is deleted$'
  kept=kept-$RANDOM
  start_sleeping "$kept" "${options[@]}"
  run_script run-job --job "$kept" --uid "$uid" --timeout 12 --on-kill keep
  assert_failure 124
  assert_equal "$(summary '[cost["wasted"], pods_by_outcome]')" "[0.0, {'running': 1}]"
  assert_regex "$stderr" $'\n  1 Pod: 1 running\n'
  kubectl delete job "$kept" --wait=false
}

# Whether the shell of a container has started its sleep.
sleeps() { # MARK
  (($(marked "$1" | wc -l) == 2))
}

@test "checks print them once, with Pods that were removed between two checks" {
  local uid pod mark=$BATS_SUITE_TEST_NUMBER.$RANDOM
  # shellcheck disable=SC2016 # for the shell of the container
  uid=$(create_job checked '[ $JOB_COMPLETION_INDEX = 0 ] || { trap "exit 0" TERM; sleep 600 & wait; }' \
    '{"completionMode": "Indexed", "completions": 2, "parallelism": 2}' '{"env": [{"name": "GKE_JOB_TEST_MARK", "value": "'"$mark"'"}]}')
  wait_until sh -c 'kubectl get job checked --output "jsonpath={.status.succeeded}" | grep --quiet 1'
  run_script run-job --job checked --uid "$uid" --once --check-state "$BATS_TEST_TMPDIR/state"
  assert_failure 75
  refute_regex "$stderr" 'timeline:|gke-job-summary'
  pod=$(kubectl get pods --selector job-name=checked,batch.kubernetes.io/job-completion-index=0 --output name)
  kubectl delete "$pod"
  wait_until sleeps "$mark"
  marked "$mark" | xargs kill || true # the sleep may end with its shell, before its own signal
  wait_until sh -c 'kubectl get job checked --output "jsonpath={.status.conditions[*].type}" | grep --quiet Complete'
  run_script run-job --job checked --uid "$uid" --once --check-state "$BATS_TEST_TMPDIR/state"
  assert_success
  assert_equal "$(summary '[pods, pods_by_outcome]')" "[2, {'succeeded': 2}]"
}

@test "with prices the end of the log and a report say what the run cost, also of a Job that is there" {
  local options
  prices
  run_job priced 'sleep 2; exit 3' "${options[@]}"
  assert_failure 1
  assert_regex "$stderr" $'\n  cost: [1-9][0-9]*[.]0000 EUR on demand\n  wasted: [1-9][0-9]*[.]0000 EUR: failed [0-9.]+\nfollow-job: '
  assert_equal "$(summary '[cost["wasted"] == cost["total"] == pod_seconds["running"], cost["spot"], cost["currency"]]')" \
    "[True, 0.0, 'EUR']"
  run_script explain-job --job priced --report "$BATS_TEST_TMPDIR/report.html"
  assert_success
  grep --quiet '<h2>Cost</h2>' "$BATS_TEST_TMPDIR/report.html"
  run_job unpriced 'sleep 1' --profile cpu-small
  assert_success
  refute_regex "$stderr" 'cost'
}

@test "a run that is interrupted before it has seen its Job has no summary, timeline and report" {
  local runner
  use_faults
  fault list:blackhole
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file 'sleep 600')" --name unseen \
    --report "$BATS_TEST_TMPDIR/report.html" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until has_struck
  kill "$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  stderr=$(<"$BATS_TEST_TMPDIR/err")
  assert_regex "$stderr" $'Job unseen in namespace [^\n]* is deleted\n'
  refute_regex "$stderr" 'timeline:|gke-job-summary'
  assert_regex "$stderr" 'cannot write the report .*: the Pods were not read before the interruption$'
}

@test "a run whose time is over has summary, timeline and verdict, also where the cluster does not answer" {
  local runner
  use_faults
  create_job unanswered 'sleep 600'
  kubectl wait --for 'jsonpath={.status.ready}=1' job/unanswered --timeout 60s
  bash "$REPOSITORY/scripts/follow-job" --job unanswered --timeout 15 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep --quiet 'is running on' "$BATS_TEST_TMPDIR/err"
  fault list:blackhole # the diagnosis takes 10 s
  wait_for "$runner"
  assert_equal "$status" 124
  (($(requests struck) > 0))
  stderr=$(<"$BATS_TEST_TMPDIR/err")
  assert_equal "$(summary '[outcome, exit_code]')" "['timed out', 124]"
  assert_regex "$stderr" $'\ntimeline: timed out after '
  assert_regex "$stderr" $'\nfollow-job: Job unanswered is not finished: --timeout has expired$'
  clear_faults
  kubectl delete job unanswered --wait=false
}

@test "poll-job prints neither" {
  create_job polled true
  kubectl wait --for condition=Complete job/polled --timeout 30s
  run_script poll-job --job polled
  assert_success
  refute_regex "$stderr" 'timeline:|gke-job-summary'
}
