#!/usr/bin/env bats
# The cache of credentials for the next run: who uses an entry, when it is renewed, and what prevents a copy.
# shellcheck disable=SC2154 # place and kubeconfig are set by use_access

setup() {
  load test_helper
  load access_helper
  use_access
}

@test "gcloud's credentials: the second run does not call gcloud" {
  get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  count_gcloud
  rm "$kubeconfig" "$BATS_TEST_TMPDIR/gke_gcloud_auth_plugin_cache"
  get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  assert_leads_to_the_cluster
  calls_are 0
}

@test "cache entries are readable only by their owner, and used only for the same account" {
  get_credentials --cluster ml-cluster
  assert_success
  run find "$GKE_JOB_CACHE" -perm /077
  assert_output ''
  use_gcloud_token worthless
  get_credentials --cluster ml-cluster
  assert_one_error 77 'not logged in'
  printf viewer-token >"$BATS_TEST_TMPDIR/token"
  rm "$kubeconfig"
  get_credentials --cluster ml-cluster
  assert_success
  KUBECONFIG=$kubeconfig run kubectl delete namespace ml-jobs
  assert_output --partial "User \"$VIEWER\" cannot delete"
}

@test "nothing is cached in a directory that others can write to, or through a symbolic link" {
  mkdir -m 777 "$GKE_JOB_CACHE"
  get_credentials --cluster ml-cluster
  assert_success
  rmdir "$GKE_JOB_CACHE"
  ln -s "$BATS_TEST_TMPDIR" "$GKE_JOB_CACHE"
  rm "$kubeconfig"
  get_credentials --cluster ml-cluster
  assert_success
  assert_leads_to_the_cluster
}

@test "an entry that is an hour old, or has another endpoint or CA, is renewed" {
  get_credentials --cluster ml-cluster
  assert_success
  local kept server
  kept=$(echo "$GKE_JOB_CACHE"/*/kubeconfig)
  server=$(grep 'server:' "$kept")
  count_gcloud
  touch --date '-61 minutes' "$kept"
  get_credentials --cluster ml-cluster
  calls_are 1
  sed -i 's,server: .*,server: https://127.0.0.1:9,' "$kept"
  get_credentials --cluster ml-cluster
  calls_are 2
  sed -i "s,certificate-authority-data: .*,certificate-authority-data: $(openssl req -x509 -newkey rsa:2048 -nodes \
    -keyout /dev/null -subj /CN=other -days 1 2>/dev/null | base64 --wrap 0)," "$kept"
  get_credentials --cluster ml-cluster
  assert_success
  calls_are 3
  assert_equal "$(grep 'server:' "$kubeconfig")" "$server"
}

@test "an entry that was not used for a day is renewed, and other files in the directory stay" {
  get_credentials --cluster ml-cluster
  assert_success
  mkdir "$GKE_JOB_CACHE/thesis"
  touch --date '-2 days' "$GKE_JOB_CACHE"/*/kubeconfig "$GKE_JOB_CACHE"/*
  get_credentials --cluster ml-cluster
  assert_success
  assert_leads_to_the_cluster
  assert [ -d "$GKE_JOB_CACHE/thesis" ]
}

@test "200 concurrent runs: one call of gcloud, and every file is complete" {
  count_gcloud
  local number
  for number in {1..200}; do
    mkdir "$BATS_TEST_TMPDIR/$number"
    bash "$REPOSITORY/scripts/get-credentials" "${place[@]}" --cluster ml-cluster \
      --kubeconfig "$BATS_TEST_TMPDIR/$number/kubeconfig" >/dev/null 2>>"$BATS_TEST_TMPDIR/said" 3>&- &
  done
  wait
  calls_are 1
  assert_equal "$(cat "$BATS_TEST_TMPDIR/said")" ''
  assert_equal "$(md5sum "$BATS_TEST_TMPDIR"/*/kubeconfig | cut --delimiter=' ' --fields=1 | sort | uniq --count | xargs)" \
    "200 $(md5sum "$GKE_JOB_CACHE"/*/kubeconfig | cut --delimiter=' ' --fields=1)"
}

@test "all runs that wait for a failing call get its error" {
  count_gcloud
  use_gcloud_token outsider-token
  local number
  for number in {1..5}; do
    bash "$REPOSITORY/scripts/get-credentials" "${place[@]}" --cluster ml-cluster >/dev/null \
      2>"$BATS_TEST_TMPDIR/said.$number" 3>&- &
  done
  wait
  calls_are 1
  assert_equal "$(cat "$BATS_TEST_TMPDIR"/said.* | sort --unique | wc --lines)" 1
  assert_regex "$(cat "$BATS_TEST_TMPDIR/said.1")" '^get-credentials: cannot get .*: permission denied: '
}

@test "a token that another process removes before it is copied is no error" {
  get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  mkdir -p "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016 # for the other shell
  printf '#!/bin/sh\ncase $* in *plugin_cache*) rm -f "%s"/*/gke_gcloud_auth_plugin_cache ;; esac\nexec "%s" "$@"\n' \
    "$GKE_JOB_CACHE" "$(type -P cp)" >"$BATS_TEST_TMPDIR/bin/cp"
  chmod +x "$BATS_TEST_TMPDIR/bin/cp"
  rm "$kubeconfig"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH get_credentials --cluster ml-cluster --auth gcloud
  assert_success
  assert_equal "$stderr" ''
  assert_leads_to_the_cluster
}

@test "when the cache has no space left, nothing is cached, and the run continues" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  # shellcheck disable=SC2016 # for the other shell
  printf '#!/bin/sh\ncase $* in *"%s"*/new) exec "%s" "$1" "$2" /dev/full ;; esac\nexec "%s" "$@"\n' "$GKE_JOB_CACHE" \
    "$(type -P cp)" "$(type -P cp)" >"$BATS_TEST_TMPDIR/bin/cp"
  chmod +x "$BATS_TEST_TMPDIR/bin/cp"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH get_credentials --cluster ml-cluster
  assert_success
  assert_equal "$stderr" ''
  assert_leads_to_the_cluster
}

@test "another process that never releases the entry is named: 69" {
  get_credentials --cluster ml-cluster
  assert_success
  never_answers nothing
  touch --date '-61 minutes' "$GKE_JOB_CACHE"/*/kubeconfig
  exec {held}<"$(echo "$GKE_JOB_CACHE"/*)"
  flock "$held"
  get_credentials --cluster ml-cluster
  assert_one_error 69 "another process has locked $GKE_JOB_CACHE/.* for more than 1 s"
}
