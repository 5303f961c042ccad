#!/usr/bin/env bats
# shellcheck disable=SC2154 # cluster is set by cluster_options of test_helper
# What a run leaves at its end: timeline, summary, report.

setup_file() {
  load test_helper
  use_own_namespace
}

setup() { load test_helper; }

teardown() {
  [[ ! -e ${FAULTS_STATE-} ]] || stop_proxy
}

run_job() { # NAME SHELL-COMMAND [OPTION...]
  run_script run-job --template batch-job --values "$(values_file "$2")" --name "$1" "${@:3}"
}

# A field of the summary in $stderr, of which there is one.
summary() { # EXPRESSION-OF-PYTHON
  "$GKE_JOB_PYTHON" -c '
import json, sys
(line,) = [line for line in sys.argv[1].splitlines() if line.startswith("gke-job-summary: ")]
found = json.loads(line.partition(" ")[2])
print(eval(sys.argv[2], found))' "$stderr" "$1"
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
  run_job late 'sleep 600' "${options[@]}" --timeout 8
  assert_failure 124
  assert_equal "$(summary '[[*cost["wasted_by_outcome"]], 0 < cost["wasted"] == cost["total"]]')" "[['timed_out'], True]"
  assert_regex "$stderr" $'\n  1 Pod: 1 running when deleted\n'
  assert_regex "$stderr" $'\n  wasted: [^\n]* EUR: timed out [^\n]*\nfollow-job: Job late is not finished: the time of --timeout is over\n'
  assert_regex "${stderr_lines[-1]}" 'its time is over; Job late in namespace .* is deleted$'
  kept=kept-$RANDOM
  run_job "$kept" 'sleep 600' "${options[@]}" --timeout 8 --on-kill keep
  assert_failure 124
  assert_equal "$(summary '[cost["wasted"], pods_by_outcome]')" "[0.0, {'running': 1}]"
  assert_regex "$stderr" $'\n  1 Pod: 1 running\n'
  kubectl delete job "$kept" --wait=false
}

# Interrupts a run with --report when its Pod runs. Sets: status, stderr.
interrupt_with_report() { # NAME PLACE [OPTION...]
  local values runner
  values=$(values_file 'sleep 600')
  : >"$BATS_TEST_TMPDIR/err" # what the run before has said is no sign of this one
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" --name "$1" --report "$2" "${@:3}" \
    >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep --quiet 'is running on' "$BATS_TEST_TMPDIR/err"
  kill "$runner"
  wait_for "$runner"
  stderr=$(<"$BATS_TEST_TMPDIR/err")
}

@test "a run that is interrupted deletes its Job and then writes its report" {
  interrupt_with_report hurried "$BATS_TEST_TMPDIR/report.html"
  assert_equal "$status" 143
  assert_regex "$stderr" $'Job hurried in namespace [^\n]* is deleted\nrun-job: the report is in '"$BATS_TEST_TMPDIR/report.html"$'\n'
  grep --quiet '<title>hurried: interrupted</title>' "$BATS_TEST_TMPDIR/report.html"
  grep --quiet "running when deleted" "$BATS_TEST_TMPDIR/report.html"
  assert_regex "$(<"$BATS_TEST_TMPDIR/report.html")" 'hurried-.{5}'
}

@test "the report of a run that is interrupted is not copied to a bucket, and what cannot be written is reported" {
  interrupt_with_report bucketless gs://reports/x.html --on-kill keep
  assert_equal "$status" 143
  assert_regex "$stderr" 'the report gs://reports/x.html is not written: a run that is interrupted copies nothing to a bucket'
  kubectl delete job bucketless --wait=false
  interrupt_with_report placeless /no/such/directory/report.html
  assert_regex "$stderr" 'the report /no/such/directory/report.html is not written: .*No such file or directory'
}

@test "a run whose --timeout is over writes its report" {
  run_job late-report 'sleep 600' --timeout 8 --report "$BATS_TEST_TMPDIR/report.html"
  assert_failure 124
  assert_regex "$stderr" "run-job: the report is in $BATS_TEST_TMPDIR/report.html"
  grep --quiet '<title>late-report: timed out</title>' "$BATS_TEST_TMPDIR/report.html"
}

@test "checks print them once, with Pods that were removed between two checks" {
  local uid pod
  # shellcheck disable=SC2016 # for the shell of the container
  uid=$(create_job checked '[ $JOB_COMPLETION_INDEX = 0 ] || sleep 5' '{"completionMode": "Indexed", "completions": 2, "parallelism": 2}')
  wait_until sh -c 'kubectl get job checked --output "jsonpath={.status.succeeded}" | grep --quiet 1'
  run_script run-job --job checked --uid "$uid" --once --check-state "$BATS_TEST_TMPDIR/state"
  assert_failure 75
  refute_regex "$stderr" 'timeline:|gke-job-summary'
  pod=$(kubectl get pods --selector job-name=checked,batch.kubernetes.io/job-completion-index=0 --output name)
  kubectl delete "$pod"
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

# From now on the cluster is reached through a proxy that breaks things.
use_faults() {
  source "$REPOSITORY/tests/dev/faults/faults.bash"
  start_proxy
}

has_struck() {
  (($(requests struck) > 0))
}

@test "a report that takes long changes no verdict: a Job that is complete in time is not deleted" {
  use_faults
  fault log:blackhole list/events:blackhole # each is waited for, one after the other, for 10 s
  run_job slow-report 'echo 7 >/dev/termination-log' --logs none --timeout 5 --report "$BATS_TEST_TMPDIR/report.html" \
    --namespace "$NAMESPACE"
  assert_success
  assert_output 7
  assert_equal "$(summary '[outcome, exit_code]')" "['succeeded', 0]"
  assert_regex "$stderr" "run-job: the report is in $BATS_TEST_TMPDIR/report.html"
  kubectl_directly get job slow-report
}

@test "interrupted while the report is made a run prints one summary" {
  local runner
  use_faults
  fault log:blackhole
  bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$(values_file true)" --name half-reported --logs none \
    --report "$BATS_TEST_TMPDIR/report.html" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until has_struck
  kill "$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  stderr=$(<"$BATS_TEST_TMPDIR/err")
  assert_equal "$(summary '[outcome, exit_code]')" "['interrupted', 143]"
  grep --quiet '<title>half-reported: interrupted</title>' "$BATS_TEST_TMPDIR/report.html"
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
  assert_regex "$stderr" 'the report .* is not written: nothing is known of the Pods$'
}

@test "a run whose time is over has summary, timeline and verdict, also where the cluster does not answer" {
  local runner
  use_faults
  create_job unanswered 'sleep 600'
  bash "$REPOSITORY/scripts/follow-job" --job unanswered --timeout 5 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until grep --quiet 'is running on' "$BATS_TEST_TMPDIR/err"
  fault list:blackhole # the diagnosis takes 10 s
  wait_for "$runner"
  assert_equal "$status" 124
  stderr=$(<"$BATS_TEST_TMPDIR/err")
  assert_equal "$(summary '[outcome, exit_code]')" "['timed out', 124]"
  assert_regex "$stderr" $'\ntimeline: timed out after '
  assert_regex "$stderr" $'\nfollow-job: Job unanswered is not finished: the time of --timeout is over$'
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

@test "--report writes a report, and where it cannot be written the run ends as without" {
  run_job reported 'echo the last line; exit 3' --report "$BATS_TEST_TMPDIR/report.html"
  assert_failure 1
  assert_regex "$stderr" "run-job: the report is in $BATS_TEST_TMPDIR/report.html"
  run cat "$BATS_TEST_TMPDIR/report.html"
  assert_line --regexp '^<!doctype html>$'
  assert_output --partial 'Job reported'
  assert_output --partial 'the last line'
  assert_output --regexp 'reported-.{5}, try 1, .*: exit 3'
  run_job unwritten true --report /no/such/directory/report.html
  assert_success
  assert_regex "$stderr" 'run-job: cannot write the report /no/such/directory/report.html: .*No such file or directory'
}

@test "--report gs://BUCKET/NAME copies the report there" {
  mkdir -p "$BATS_TEST_TMPDIR/buckets/reports"
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/storage_server.py" "$BATS_TEST_TMPDIR/buckets" "$BATS_TEST_TMPDIR/port" 2>/dev/null 3>&- &
  local server=$!
  wait_until test -s "$BATS_TEST_TMPDIR/port"
  CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=http://127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")/storage/v1/
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE
  export CLOUDSDK_CONFIG=$BATS_TEST_TMPDIR/gcloud CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token
  echo owner >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  run_job copied true --report gs://reports/runs/copied.html
  kill "$server"
  assert_success
  assert_regex "$stderr" 'run-job: the report is in gs://reports/runs/copied.html'
  assert_equal "$output" null
  grep --quiet '<title>copied: succeeded</title>' "$BATS_TEST_TMPDIR/buckets/reports/runs/copied.html"
}

@test "interrupted while it copies its report it leaves the complete Job, and the next run has the result" {
  local runner values
  mkdir "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016 # for the script
  printf '%s\n' '#!/bin/sh' ': >"$COPYING"' 'exec sleep 60' >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
  export COPYING=$BATS_TEST_TMPDIR/copying
  values=$(values_file 'echo 7 >/dev/termination-log')
  PATH=$BATS_TEST_TMPDIR/bin:$PATH bash "$REPOSITORY/scripts/run-job" --template batch-job --values "$values" --name late \
    --report gs://reports/late.html >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  runner=$!
  wait_until test -e "$COPYING"
  kill "$runner"
  wait_for "$runner"
  assert_equal "$status" 143
  assert_equal "$(<"$BATS_TEST_TMPDIR/out")" ''
  assert_regex "$(<"$BATS_TEST_TMPDIR/err")" 'Job late in namespace .* is complete, and the next run of this task collects its result'
  run_script run-job --template batch-job --values "$values" --name late
  assert_success
  assert_output 7
  refute_regex "$stderr" 'created Job'
}

@test "explain-job --report writes the report of a Job that runs" {
  create_job explained 'sleep 600'
  wait_until sh -c 'kubectl get pods --selector job-name=explained | grep --quiet Running'
  run_script explain-job --job explained --report "$BATS_TEST_TMPDIR/report.html"
  assert_success
  assert_regex "$stderr" 'explain-job: the report is in '
  run cat "$BATS_TEST_TMPDIR/report.html"
  assert_output --partial '<title>explained: not finished</title>'
  kubectl delete job explained --wait=false
}

@test "of a report for which TMPDIR has no room nothing is delivered" {
  # shellcheck disable=SC2016 # for the shell of the container
  create_job verbose 'for line in $(seq 25); do printf "%01000d\n" 0 | tr 0 "\47"; done; exit 3'
  kubectl wait --for condition=Failed job/verbose --timeout 30s
  ulimit -f 80 # blocks of 1024 bytes
  run_script explain-job --job verbose --report "$BATS_TEST_TMPDIR/report.html"
  assert_success
  assert_regex "$stderr" '^explain-job: cannot write the report [^ ]+: File too large: free some space, or name another file or TMPDIR$'
  assert [ ! -e "$BATS_TEST_TMPDIR/report.html" ]
}

@test "a place where no report can be is refused" {
  local place
  for place in gs:// gs://bucket gs://bucket/ reports/ -x "$BATS_TEST_TMPDIR"; do
    run_script run-job --template batch-job "--report=$place"
    assert_one_error 64 'option --report is .*: it takes a file, or an object as gs://BUCKET/NAME.html'
  done
  run_script follow-job --job any --report gs://bucket/x.html
  assert_one_error 64 'follow-job takes a file'
}
