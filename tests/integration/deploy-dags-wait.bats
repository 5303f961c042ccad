#!/usr/bin/env bats
# deploy-dags waits until Airflow has parsed the DAGs with the release.

setup_file() {
  load test_helper
  use_storage_server
}

teardown_file() {
  load test_helper
  end_storage_server
}

setup() {
  load test_helper
  load deployment_helper
  use_bucket
}

teardown() {
  end_airflow_server
}

# Makes a checkout with short waits, and starts an Airflow of the environment.
wait_for_airflow() {      # -> CHECKOUT, AIRFLOW, deployment
  export WAIT_SECONDS=120 # for a whole deployment: gcloud starts eight times
  CHECKOUT=$BATS_TEST_TMPDIR/checkout
  mkdir "$CHECKOUT"
  copy_checkout "$CHECKOUT"
  use_airflow_server "$BUCKET"
  deployment=("$CHECKOUT/scripts/deploy-dags" --environment "$BUCKET" --location europe-west4 --project ml)
}

# Asserts that the deployment is complete and only the check is missing.
assert_not_asked() { # STATUS REGEXP
  assert_equal "$status" "$1"
  assert_regex "${stderr_lines[-1]}" "^deploy-dags: cannot check whether Airflow has parsed the DAGs: $2; the deployment \
is complete, only this check is missing: .*, and run this again, or add --async to skip it$"
  assert [ -f "$DAGS/gke_job/__init__.py" ]
}

@test "with --environment it waits until Airflow has parsed each active DAG with the release" {
  local CHECKOUT AIRFLOW deployment
  wait_for_airflow
  sed 's/NOW/2026-01-01T00:00:00Z/; s/^\[/[{"dag_id": "gone", "is_stale": true},{"dag_id": "x", "fileloc": "x\\u001b", "last_parsed_time": "NOW"},/' \
    "$AIRFLOW/dags" >"$AIRFLOW/old"
  mv "$AIRFLOW/old" "$AIRFLOW/dags"
  bash "${deployment[@]}" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
  wait_until grep --quiet 'deploy-dags: 1 of 2 DAGs are parsed; not yet: ours.py' "$BATS_TEST_TMPDIR/said"
  assert [ -f "$DAGS/gke_job/__init__.py" ]
  sed 's/2026-01-01T00:00:00Z/NOW/' "$AIRFLOW/dags" >"$AIRFLOW/new"
  mv "$AIRFLOW/new" "$AIRFLOW/dags"
  wait_for $!
  assert_equal "$status" 0
  local release
  find_release
  assert_equal "$(tail -n 1 "$BATS_TEST_TMPDIR/said")" "deploy-dags: done: Airflow has parsed 2 DAGs with release $release"
  assert_equal "$(head -n 1 "$AIRFLOW/requests")" '/api/v2/dags?limit=100&offset=0&order_by=dag_id'
  assert grep --quiet --line-regexp '/api/v2/importErrors?limit=100&offset=0&order_by=import_error_id' "$AIRFLOW/requests"

  # The same again, and back.
  rm "$AIRFLOW/requests"
  run --separate-stderr bash "${deployment[@]}" --use "$release" --dry-run
  assert_success
  run --separate-stderr bash "${deployment[@]}" --async
  assert_success
  assert_equal "$stderr" 'deploy-dags: nothing changes'
  assert [ ! -e "$AIRFLOW/requests" ]
  run --separate-stderr bash "${deployment[@]}"
  assert_success
  assert_equal "${stderr_lines[-1]}" "deploy-dags: done: Airflow has parsed 2 DAGs with release $release"
  assert [ -e "$AIRFLOW/requests" ]
}

@test "DAGs that cannot import the release are exit 65, and those of other errors are not waited for" {
  local CHECKOUT AIRFLOW deployment
  wait_for_airflow
  echo '[{"dag_id": "a", "relative_fileloc": "theirs.py", "last_parsed_time": null},
    {"dag_id": "b", "relative_fileloc": "b.py", "last_parsed_time": "NOW"}]' >"$AIRFLOW/dags"
  cat >"$AIRFLOW/importErrors" <<'JSON'
[{"filename": "theirs.py", "timestamp": "NOW", "stack_trace": "ImportError: x"},
 {"filename": "/home/airflow/gcs/dags/ours.py", "timestamp": "NOW", "stack_trace": "a\nImportError: gke_job::group::\n"}]
JSON
  run --separate-stderr bash "${deployment[@]}"
  assert_equal "$status" 65
  assert_equal "${stderr_lines[-3]}" 'deploy-dags: ours.py: ImportError: gke_job: :group::'
  assert_regex "${stderr_lines[-2]}" '^deploy-dags: done: Airflow has parsed 1 DAGs with release v'
  assert_equal "${stderr_lines[-1]}" "deploy-dags: 1 DAG files cannot be imported, see above: they use the toolkit, or \
the error is new; correct them, or roll back with --use"
  refute_regex "$stderr" theirs
}

@test "what is not parsed within --timeout is exit 124, and the release stays in the bucket" {
  local CHECKOUT AIRFLOW deployment
  wait_for_airflow
  sed -i 's/NOW/2026-01-01T00:00:00Z/' "$AIRFLOW/dags"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_equal "$status" 124
  assert_regex "${stderr_lines[-1]}" '^deploy-dags: Airflow has not parsed ours.py within 1 s: 0 of 1 DAGs are parsed; '
  assert_regex "${stderr_lines[-1]}" '; release v[0-9a-f_]* is in the bucket: see the log of the DAG processor'
  assert [ -f "$DAGS/gke_job/__init__.py" ]
}

@test "an Airflow that cannot be asked is exit 77, 69 or 78, and the deployment is complete" {
  local CHECKOUT AIRFLOW deployment
  wait_for_airflow
  : >"$AIRFLOW/page"
  echo 302 >"$AIRFLOW/status"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_not_asked 77 'it redirects to another page, such as a login page: HTTP 302'
  refute grep --quiet login "$AIRFLOW/requests"
  echo '<html>' >"$AIRFLOW/page"
  echo 200 >"$AIRFLOW/status"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_not_asked 77 'it returns an HTML page, such as a login page, instead of JSON'
  echo 503 >"$AIRFLOW/status"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_not_asked 69 'HTTP 503'
  rm "$AIRFLOW/status"
  echo without-role >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  run --separate-stderr bash "${deployment[@]}"
  assert_not_asked 77 'permission denied: HTTP 403 not you'
  echo owner >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  printf http://127.0.0.1:9 >"$BUCKETS/$BUCKET.airflow"
  run --separate-stderr bash "${deployment[@]}" --timeout 1
  assert_not_asked 69 'no answer: .*refused.*'
  printf http://airflow.example:80 >"$BUCKETS/$BUCKET.airflow" # not encrypted
  run --separate-stderr bash "${deployment[@]}"
  assert_not_asked 78 "the environment has an invalid web server address 'http://airflow.example:80'"
}

@test "an odd answer of Airflow is reported and does not end the wait" {
  local CHECKOUT AIRFLOW deployment answer said=$BATS_TEST_TMPDIR/said
  wait_for_airflow
  echo '<html>' >"$AIRFLOW/page"
  echo 404 >"$AIRFLOW/status"
  bash "${deployment[@]}" >"$said" 2>&1 3>&- &
  wait_until grep --quiet 'cannot query Airflow: it has no such REST API: HTTP 404; retrying' "$said"
  for answer in 'HTTP 302' 'HTTP 500' '200 instead of JSON'; do
    echo "${answer//[^0-9]/}" >"$AIRFLOW/next"
    mv "$AIRFLOW/next" "$AIRFLOW/status"
    wait_until grep --quiet "cannot query Airflow: .*${answer#200 }; retrying" "$said"
  done
  rm "$AIRFLOW/status"
  wait_for $!
  assert_equal "$status" 0
  assert_regex "$(tail -n 1 "$said")" '^deploy-dags: done: Airflow has parsed 1 DAGs with release v'
}

@test "another deployment during the wait ends it with 65" {
  local CHECKOUT AIRFLOW deployment release other=v0_0_0_aaaaaaaaaaaa said=$BATS_TEST_TMPDIR/said
  wait_for_airflow
  sed -i 's/NOW/2026-01-01T00:00:00Z/' "$AIRFLOW/dags"
  bash "${deployment[@]}" >"$said" 2>&1 3>&- &
  wait_until grep --quiet 'deploy-dags: 0 of 1 DAGs are parsed' "$said"
  find_release
  sed "s/$release/$other/" "$DAGS/gke_job/__init__.py" >"$BATS_TEST_TMPDIR/pointer"
  mv "$BATS_TEST_TMPDIR/pointer" "$DAGS/gke_job/__init__.py"
  wait_for $!
  assert_equal "$status" 65
  assert_regex "$(tail -n 1 "$said")" "^deploy-dags: DAGs do not use release $release any more: \
gs://$BUCKET/dags/gke_job/__init__.py now names $other, set by another deployment or --use"
}

@test "times are those of Cloud Storage and Airflow, whatever the clock of this machine says" {
  local CHECKOUT AIRFLOW deployment since ahead
  wait_for_airflow
  for ahead in -7200 7200; do
    echo "# $ahead" >>"$CHECKOUT/scripts/run-job"
    echo "$ahead" | tee "$AIRFLOW/clock" >"$BUCKETS/clock"
    run --separate-stderr bash "${deployment[@]}" --timeout 60
    assert_success
  done
  rm "$BUCKETS/clock"
  since=$(sed -n 's/.*{"releases": {"v[0-9a-f_]*": \([0-9]*\), .*/\1/p' "$DAGS/gke_job/__init__.py")
  assert [ "$since" -ge $(($(date +%s) + 3600)) ]
}

@test "an interrupted wait logs that the release is in the bucket, and leaves nothing behind" {
  local CHECKOUT AIRFLOW deployment signal expected said=$BATS_TEST_TMPDIR/said
  wait_for_airflow
  sed -i 's/NOW/2026-01-01T00:00:00Z/' "$AIRFLOW/dags"
  for signal in INT TERM; do
    : >"$said" # what the wait before has said is no sign of this one
    # A background process of this shell ignores INT.
    GKE_JOB_TEST_MARK=$BUCKET TMPDIR=$BATS_TEST_TMPDIR "$GKE_JOB_PYTHON" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("bash", ["bash", *sys.argv[1:]])' "${deployment[@]}" >"$said" 2>&1 3>&- &
    wait_until grep --quiet 'deploy-dags: 0 of 1 DAGs are parsed' "$said"
    kill -"$signal" $!
    wait_for $!
    expected=143
    [[ $signal == TERM ]] || expected=130
    assert_equal "$status" "$expected"
    assert_equal "$(tail -n 1 "$said")" \
      'deploy-dags: interrupted: the release is in the bucket; run this again to continue waiting'
    wait_until none_marked "$BUCKET"
  done
  assert_equal "$(compgen -G "$BATS_TEST_TMPDIR/deploy-dags.*")" ''
}

@test "killed while gcloud makes a token for the wait it leaves nothing behind" {
  local CHECKOUT AIRFLOW deployment signal
  wait_for_airflow
  mkdir "$BATS_TEST_TMPDIR/bin"
  # A gcloud that makes no token.
  # shellcheck disable=SC2016 # for that shell
  printf '#!/bin/sh\n[ "$1" != auth ] || { echo "$$" >%q; exec sleep 1000; }\nexec %q "$@"\n' \
    "$BATS_TEST_TMPDIR/asked" "$(type -P gcloud)" >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
  for signal in TERM KILL; do
    TMPDIR=$BATS_TEST_TMPDIR PATH=$BATS_TEST_TMPDIR/bin:$PATH GKE_JOB_TEST_MARK=$BUCKET bash "${deployment[@]}" \
      >/dev/null 2>&1 3>&- &
    wait_until test -s "$BATS_TEST_TMPDIR/asked"
    kill -"$signal" $!
    wait_until none_marked "$BUCKET"
    rm "$BATS_TEST_TMPDIR/asked"
  done
}
