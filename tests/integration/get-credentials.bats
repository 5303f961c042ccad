#!/usr/bin/env bats
# shellcheck disable=SC2154 # cluster is set by cluster_options of test_helper
setup() {
  load test_helper
  cluster_options
}

teardown() { end_silent_metadata_server; }

@test "writes a kubeconfig that is readable only by its owner, and prints its path" {
  TMPDIR=$BATS_TEST_TMPDIR run_script get-credentials "${cluster[@]}"
  assert_success
  assert_equal "$(stat --format '%a' "$output" "$(dirname "$output")" | xargs)" '600 700'
  KUBECONFIG=$output run kubectl get namespaces --output name
  assert_success
  assert_line namespace/default
}

@test "the kubeconfig gets its tokens from gke-gcloud-auth-plugin" {
  run_script get-credentials "${cluster[@]}" --kubeconfig "$BATS_TEST_TMPDIR/kubeconfig"
  assert_success
  run grep 'command: gke-gcloud-auth-plugin' "$output"
  assert_success
}

@test "does not change the kubeconfig of the user" {
  local before
  before=$(md5sum "$KUBECONFIG")
  run_script get-credentials "${cluster[@]}" --kubeconfig "$BATS_TEST_TMPDIR/kubeconfig"
  assert_success
  assert_equal "$(md5sum "$KUBECONFIG")" "$before"
}

@test "--dry-run shows the gcloud command and writes nothing" {
  run_script get-credentials --project p --location l --cluster c --kubeconfig "$BATS_TEST_TMPDIR/k" --dry-run
  assert_success
  assert_equal "$stderr" 'get-credentials: would run: gcloud container clusters get-credentials c --location l --project p'
  assert [ ! -e "$BATS_TEST_TMPDIR/k" ]
}

@test "a missing cluster is missing configuration: 78" {
  export TMPDIR=$BATS_TEST_TMPDIR/private
  mkdir "$TMPDIR"
  run_script get-credentials --project "$LOCALGKE_PROJECT" --location "$LOCALGKE_LOCATION" --cluster nope
  assert_one_error 78 'cluster nope in .*: not found: compare with: gcloud container clusters list'
  assert_equal "$(ls -A "$TMPDIR")" ''
}

@test "a caller without container.clusters.get is denied: 77" {
  printf outsider-token >"$BATS_TEST_TMPDIR/token"
  CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token run_script get-credentials "${cluster[@]}"
  assert_one_error 77 'permission denied: .*roles/container.clusterViewer'
}

@test "a caller whose token is not valid is not logged in: 77" {
  printf worthless >"$BATS_TEST_TMPDIR/token"
  CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token run_script get-credentials "${cluster[@]}"
  assert_one_error 77 'not logged in: .*gcloud auth login'
}

@test "a machine without any account is not logged in: 77" {
  unset "${!GCE_METADATA_@}"
  export CLOUDSDK_CONFIG=$BATS_TEST_TMPDIR/gcloud # gcloud has not cached a metadata server here
  run_script get-credentials "${cluster[@]}"
  assert_one_error 77 'not logged in: .*gcloud auth login'
}

@test "a metadata server that does not answer is named, before gcloud waits for it: 69" {
  use_silent_metadata_server
  run_script get-credentials "${cluster[@]}"
  assert_one_error 69 'the metadata server 127.0.0.1:[0-9]+ did not answer within 5 s: try again'
  run_script get-credentials "${cluster[@]}" --auth gcloud
  assert_one_error 69 'the metadata server 127.0.0.1:[0-9]+ did not answer within 5 s: try again'
}

@test "a metadata server that does not answer is no error for an account that does not need it" {
  use_silent_metadata_server
  printf admin-token >"$BATS_TEST_TMPDIR/token"
  CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=$BATS_TEST_TMPDIR/token run_script get-credentials "${cluster[@]}" \
    --kubeconfig "$BATS_TEST_TMPDIR/kubeconfig"
  assert_success
}

@test "a missing gcloud is an error: 78" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  ln -s "$(type -P dirname)" "$(type -P readlink)" "$BATS_TEST_TMPDIR/bin"
  run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "$BASH" "$REPOSITORY/scripts/get-credentials" "${cluster[@]}"
  assert_one_error 78 'gcloud is not on PATH'
}

@test "an unknown option is a usage error that names the known ones: 64" {
  run_script get-credentials --region europe-west4
  assert_one_error 64 'unknown option --region: the options are --project --location'
}

@test "an option without its value is a usage error: 64" {
  run_script get-credentials --project
  assert_one_error 64 'option --project has no value'
}

@test "a missing option is a usage error: 64" {
  run_script get-credentials --project p --location l
  assert_one_error 64 'option --cluster is missing'
}
