#!/usr/bin/env bats
# What deploy-dags refuses, and that DAGs keep their release then.

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
  end_silent_metadata_server
}

@test "of two deployments at once, the one that ends later is refused, and changes nothing for DAGs" {
  local CHECKOUT
  make_checkout
  use_gcloud_that "PATH=$(printf %q "$PATH") bash $CHECKOUT/scripts/deploy-dags --bucket gs://$BUCKET || exit" \
    "cp $DAGS/gke_job/__init__.py $BATS_TEST_TMPDIR/before"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run_script deploy-dags --bucket "gs://$BUCKET"
  assert_equal "$status" 65
  assert_equal "${stderr_lines[-1]}" "deploy-dags: cannot write gs://$BUCKET/dags/gke_job/__init__.py: another deployment \
has changed the object in the meantime: nothing has changed for DAGs; run this again when the other one has ended"
  cmp "$BATS_TEST_TMPDIR/before" "$DAGS/gke_job/__init__.py"
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_success
}

@test "a deployment that is broken off changes nothing for DAGs" {
  mkdir -p "$BATS_TEST_TMPDIR/bin" "$DAGS/gke_job"
  echo 'of a release before' >"$DAGS/gke_job/__init__.py"
  # A gcloud that fails when the releases are to be copied.
  printf '#!/bin/sh\ncase "$*" in *"storage cp --recursive"*) exit 1 ;; esac\nexec %q "$@"\n' "$(type -P gcloud)" \
    >"$BATS_TEST_TMPDIR/bin/gcloud"
  chmod +x "$BATS_TEST_TMPDIR/bin/gcloud"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH run_script deploy-dags --bucket "gs://$BUCKET"
  assert_failure
  assert_equal "$(<"$DAGS/gke_job/__init__.py")" 'of a release before'
}

@test "a file that names releases and was changed by hand is exit 65" {
  local release
  mkdir "$DAGS/gke_job"
  for release in '"../x": 0' '"v1_0_0_aaaaaaaaaaaa": 99999999999999' "\"v1_0_0_aaaaaaaaaaaa\": $(($(date +%s) + 100000))"; do
    echo "DEPLOYED: dict[str, Any] = {\"releases\": {$release}, \"retired\": {}, \"examples\": {}}" >"$DAGS/gke_job/__init__.py"
    run_script deploy-dags --bucket "gs://$BUCKET"
    assert_one_error 65 '^deploy-dags: dags/gke_job/__init__.py in the bucket has unexpected content: '
  done
}

@test "a bucket or environment that does not exist is exit 78" {
  run_script deploy-dags --bucket gs://missing
  assert_equal "$status" 78
  assert_regex "${stderr_lines[-1]}" '^deploy-dags: cannot list gs://missing/dags/: no such bucket: compare with: '
  run_script deploy-dags --environment gcloud --location europe-west4 --project ml # also a word of the command
  assert_one_error 78 '^deploy-dags: cannot find the bucket of environment gcloud in europe-west4: no such environment: '
}

@test "an account that may not is exit 77" {
  echo stranger >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_equal "$status" 77
  assert_regex "${stderr_lines[-1]}" 'permission denied: .*; grant this account roles/storage.objectUser'
  run_script deploy-dags --environment "$BUCKET" --location europe-west4 --project ml
  assert_one_error 77 'permission denied: .*; grant this account roles/composer.user'
}

@test "without a permission of templates/access it is 77, and DAGs keep their release" {
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_success
  local permission permissions CHECKOUT
  permissions=$(sed -n 's/^  - \(storage[^ ]*\).*/\1/p' "$REPOSITORY/templates/access/iam/deploy-bucket.yaml")
  make_checkout
  cp "$DAGS/gke_job/__init__.py" "$BATS_TEST_TMPDIR/before"
  for permission in $permissions; do
    echo "without-$permission" >"$CLOUDSDK_AUTH_ACCESS_TOKEN_FILE"
    run --separate-stderr bash "$CHECKOUT/scripts/deploy-dags" --bucket "gs://$BUCKET"
    assert_equal "$permission $status" "$permission 77"
    assert_regex "${stderr_lines[-1]}" "permission denied: .*$permission.*; grant this account roles/storage.objectUser on the bucket$"
    cmp "$DAGS/gke_job/__init__.py" "$BATS_TEST_TMPDIR/before"
  done
  assert_equal "$(wc -w <<<"$permissions")" 4
}

@test "without a login it is exit 77" {
  unset CLOUDSDK_AUTH_ACCESS_TOKEN_FILE "${!GCE_METADATA_@}"
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_equal "$status" 77
  assert_regex "${stderr_lines[-1]}" 'not logged in: .*gcloud auth login'
}

@test "wrong options are exit 64" {
  run_script deploy-dags --bucket europe-prod
  assert_one_error 64 "^deploy-dags: option --bucket is 'europe-prod': it must be"
  run_script deploy-dags
  assert_one_error 64 '^deploy-dags: no bucket: write --environment NAME --location REGION, or --bucket'
  run_script deploy-dags --environment prod
  assert_one_error 64 '^deploy-dags: option --location is missing'
  run_script deploy-dags --environment prod --location x --bucket gs://bucket
  assert_one_error 64 '^deploy-dags: --environment and --bucket both name a bucket'
  run_script deploy-dags --bucket gs://bucket --timeout 60
  assert_one_error 64 '^deploy-dags: --timeout requires --environment: --bucket names no Airflow to wait for'
  run_script deploy-dags --environment prod --location x --timeout soon
  assert_one_error 64 "^deploy-dags: option --timeout is 'soon': it must be a whole number"
  run_script deploy-dags --bucket gs://bucket --prefix ../x
  assert_one_error 64 "^deploy-dags: option --prefix is '../x': it must be a Python identifier"
  run_script deploy-dags --bucket gs://bucket --use v1 --examples
  assert_one_error 64 '^deploy-dags: --use copies nothing'
  run_script deploy-dags --bucket "gs://$BUCKET" --prefix json
  assert_one_error 64 "^deploy-dags: option --prefix is 'json': Python has a module of that name"
  run_script deploy-dags --bucket "gs://$BUCKET" --prefix yaml # of site-packages
  assert_one_error 64 "^deploy-dags: option --prefix is 'yaml': Python has a module of that name"
  run_script deploy-dags --bucket "gs://$BUCKET" --prefix __pycache__
  assert_one_error 64 "^deploy-dags: option --prefix is '__pycache__': "
}

@test "a metadata server that does not answer is named, before gcloud waits for it: 69" {
  use_silent_metadata_server
  unset CLOUDSDK_AUTH_ACCESS_TOKEN_FILE
  run_script deploy-dags --bucket "gs://$BUCKET"
  assert_one_error 69 'deploy-dags: cannot get credentials: the metadata server 127.0.0.1:[0-9]+ did not answer within 5 s'
}
