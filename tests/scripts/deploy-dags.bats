#!/usr/bin/env bats
# deploy-dags, with the real gcloud against a bucket that is a directory.

setup_file() {
  load test_helper
  export BUCKETS=$BATS_FILE_TMPDIR/buckets
  mkdir -p "$BUCKETS"
  "$GKE_JOB_PYTHON" "$BATS_TEST_DIRNAME/storage_server.py" "$BUCKETS" "$BATS_FILE_TMPDIR/port" 2>/dev/null 3>&- &
  SERVER=$!
  export SERVER
  wait_until test -s "$BATS_FILE_TMPDIR/port"
  CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=http://127.0.0.1:$(<"$BATS_FILE_TMPDIR/port")/storage/v1/
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE CLOUDSDK_CORE_DISABLE_PROMPTS=1
}

teardown_file() {
  kill "$SERVER"
}

setup() {
  load test_helper
  export CLOUDSDK_CONFIG=$BATS_TEST_TMPDIR/gcloud CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token
  echo owner >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  DAGS=$BUCKETS/bucket-$BATS_TEST_NUMBER/dags
  mkdir -p "$DAGS"
}

@test "--dry-run shows the copies, DAGs last, and copies nothing" {
  run_script deploy-dags --bucket gs://prod-bucket --dry-run
  assert_success
  assert_equal "$output" ''
  local rsync='deploy-dags: would run: gcloud storage rsync --recursive --exclude \(\^\|.\*/\)__pycache__/.\*\|.\*\\.pyc\$'
  assert_equal "$stderr" "$rsync $REPOSITORY/scripts gs://prod-bucket/dags/scripts
$rsync $REPOSITORY/templates gs://prod-bucket/dags/templates
$rsync $REPOSITORY/dags gs://prod-bucket/dags"
}

@test "the bucket then holds DAGs, scripts and templates, and no compiled Python" {
  run_script deploy-dags --bucket "gs://bucket-$BATS_TEST_NUMBER"
  assert_success
  assert_equal "$output" ''
  local file
  for file in dags/train_model.py dags/gke_job/operator.py scripts/run-job scripts/.airflowignore; do
    cmp "$REPOSITORY/$file" "$DAGS/${file#dags/}"
  done
  diff -r --exclude __pycache__ "$REPOSITORY/templates" "$DAGS/templates"
  assert_equal "$(find "$DAGS" -name '*.pyc')" ''
}

@test "--plugin copies the plugins, each of which is one file" {
  run_script deploy-dags --bucket "gs://bucket-$BATS_TEST_NUMBER"
  assert [ ! -e "$DAGS/../plugins" ]
  run_script deploy-dags --bucket "gs://bucket-$BATS_TEST_NUMBER/dags" --plugin
  assert_success
  cmp "$REPOSITORY/dags/gke_job/links.py" "$DAGS/../plugins/gke_job_links.py"
  cmp "$REPOSITORY/dags/gke_job/triggerer_path.py" "$DAGS/../plugins/gke_job_triggerer_path.py"
}

@test "other DAGs in the bucket stay" {
  echo 'theirs' >"$DAGS/other_team.py"
  run_script deploy-dags --bucket "gs://bucket-$BATS_TEST_NUMBER/dags/"
  assert_success
  assert_equal "$(<"$DAGS/other_team.py")" theirs
}

@test "it works from any directory, without run bits" {
  cp -r "$REPOSITORY/scripts" "$REPOSITORY/dags" "$REPOSITORY/templates" "$BATS_TEST_TMPDIR"
  chmod -R a-x,a+X "$BATS_TEST_TMPDIR/scripts"
  cd /
  run bash "$BATS_TEST_TMPDIR/scripts/deploy-dags" --bucket "gs://bucket-$BATS_TEST_NUMBER"
  assert_success
  assert [ -f "$DAGS/scripts/run-job" ]
}

@test "a bucket that does not exist is exit 78" {
  run_script deploy-dags --bucket gs://missing
  assert_equal "$status" 78
  assert_regex "${stderr_lines[-1]}" '^deploy-dags: cannot copy to gs://missing/dags/scripts: no such bucket: compare with: '
}

@test "an account that may not write is exit 77" {
  echo stranger >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  run_script deploy-dags --bucket "gs://bucket-$BATS_TEST_NUMBER"
  assert_equal "$status" 77
  assert_regex "${stderr_lines[-1]}" 'permission denied: .*; grant this account roles/storage.objectUser'
}

@test "without a login it is exit 77" {
  unset CLOUDSDK_AUTH_ACCESS_TOKEN_FILE
  run_script deploy-dags --bucket "gs://bucket-$BATS_TEST_NUMBER"
  assert_equal "$status" 77
  assert_regex "${stderr_lines[-1]}" 'not logged in: .*gcloud auth login'
}

@test "a bucket that is no bucket's name is exit 64" {
  run_script deploy-dags --bucket europe-prod
  assert_one_error 64 "^deploy-dags: option --bucket is 'europe-prod': it takes"
}

@test "without a bucket it is exit 64" {
  run_script deploy-dags
  assert_one_error 64 '^deploy-dags: option --bucket is missing'
}
