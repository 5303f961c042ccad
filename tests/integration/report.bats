#!/usr/bin/env bats
# shellcheck disable=SC2154 # cluster is set by cluster_options of test_helper
# The report of a run.

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

@test "the report of an interrupted run is not copied to a bucket, and what cannot be written is reported" {
  interrupt_with_report bucketless gs://reports/x.html --on-kill keep
  assert_equal "$status" 143
  assert_regex "$stderr" 'cannot write the report gs://reports/x.html: an interrupted run does not copy its report to a bucket: use a file'
  kubectl delete job bucketless --wait=false
  interrupt_with_report placeless /no/such/directory/report.html
  assert_regex "$stderr" 'cannot write the report /no/such/directory/report.html: .*No such file or directory'
}

@test "a run whose --timeout is over writes its report" {
  start_sleeping late-report
  run_script run-job --job late-report --uid "$uid" --timeout 12 --report "$BATS_TEST_TMPDIR/report.html"
  assert_failure 124
  assert_regex "$stderr" "run-job: the report is in $BATS_TEST_TMPDIR/report.html"
  grep --quiet '<title>late-report: timed out</title>' "$BATS_TEST_TMPDIR/report.html"
}

@test "a report that takes long changes no verdict: a Job that is complete in time is not deleted" {
  local uid
  uid=$(create_job slow-report 'echo 7 >/dev/termination-log')
  wait_for_condition Complete slow-report
  use_faults
  fault log:blackhole list/events:blackhole # each is waited for, one after the other, for 10 s
  run_script run-job --job slow-report --uid "$uid" --logs none --timeout 15 --report "$BATS_TEST_TMPDIR/report.html" \
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
  assert_regex "$stderr" '^explain-job: cannot write the report [^ ]+: File too large: free some space, or set another file or TMPDIR$'
  assert [ ! -e "$BATS_TEST_TMPDIR/report.html" ]
}

@test "a place where no report can be is refused" {
  local place
  for place in gs:// gs://bucket gs://bucket/ reports/ -x "$BATS_TEST_TMPDIR"; do
    run_script run-job --template batch-job "--report=$place"
    assert_one_error 64 'option --report is .*: it must be a file, or an object like gs://BUCKET/NAME.html'
  done
  run_script follow-job --job any --report gs://bucket/x.html
  assert_one_error 64 'follow-job takes a file'
}
