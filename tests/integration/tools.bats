#!/usr/bin/env bats
# GKE_JOB_TOOLS: kubectl and the auth plugin from a directory, such as a mounted bucket, whose files have no run bit.

setup() {
  load test_helper
  export GKE_JOB_CACHE=$BATS_TEST_TMPDIR/cache GKE_JOB_TOOLS=$BATS_TEST_TMPDIR/tools
  mkdir "$GKE_JOB_TOOLS" "$BATS_TEST_TMPDIR/bin"
  local tool
  for tool in kubectl gke-gcloud-auth-plugin; do
    cp -L "$(type -P "$tool")" "$GKE_JOB_TOOLS/$tool"
  done
  chmod 644 "$GKE_JOB_TOOLS"/*
  link_others
}

# Sets a PATH without them.
link_others() {
  local directory directories file
  IFS=: read -ra directories <<<"$PATH"
  for directory in "${directories[@]}"; do
    for file in "$directory"/*; do
      case ${file##*/} in kubectl | gke-gcloud-auth-plugin) continue ;; esac
      [[ ! -x $file || -e $BATS_TEST_TMPDIR/bin/${file##*/} ]] || ln -s "$file" "$BATS_TEST_TMPDIR/bin/"
    done
  done
  PATH=$BATS_TEST_TMPDIR/bin
}

list_jobs() {
  run_script list-jobs --project "$LOCALGKE_PROJECT" --location "$LOCALGKE_LOCATION" --cluster "$LOCALGKE_CLUSTER" \
    --namespace ml-jobs
}

@test "a script uses the programs of the directory, and copies them once" {
  list_jobs
  assert_success
  local first
  first=$(stat --format=%n%Y%i "$GKE_JOB_CACHE"/*/kubectl)
  list_jobs
  assert_success
  assert_equal "$(stat --format=%n%Y%i "$GKE_JOB_CACHE"/*/kubectl)" "$first"
  assert_equal "$(stat --format=%a "${first%/kubectl*}" "${first%/kubectl*}/kubectl")" $'700\n700'
}

@test "a changed program is copied again" {
  list_jobs
  printf '#!/bin/sh\necho the new one >&2; exit 3\n' >"$GKE_JOB_TOOLS/kubectl"
  list_jobs
  assert_failure
  assert_equal "$(cat "$GKE_JOB_CACHE"/*/kubectl)" "$(cat "$GKE_JOB_TOOLS/kubectl")"
}

@test "a removed program is no longer used" {
  list_jobs
  rm "$GKE_JOB_TOOLS/gke-gcloud-auth-plugin"
  list_jobs
  assert_failure 78
  assert_regex "$stderr" 'gke-gcloud-auth-plugin is not on PATH'
}

@test "without the directory the script reports the missing program" {
  GKE_JOB_TOOLS='' list_jobs
  assert_failure 78
  assert_regex "$stderr" 'kubectl is not on PATH: .*GKE_JOB_TOOLS'
  GKE_JOB_TOOLS=$BATS_TEST_TMPDIR/nothing list_jobs
  assert_failure 78
  assert_regex "$stderr" 'GKE_JOB_TOOLS: .*nothing has no kubectl and no gke-gcloud-auth-plugin'
}

@test "two directories have separate copies" {
  list_jobs
  assert_success
  mkdir "$BATS_TEST_TMPDIR/others"
  cp "$GKE_JOB_TOOLS"/* "$BATS_TEST_TMPDIR/others/"
  GKE_JOB_TOOLS=$BATS_TEST_TMPDIR/others list_jobs
  assert_success
  assert_equal "$(find "$GKE_JOB_CACHE" -name kubectl | wc --lines)" 2
}

@test "relative directories, also with a leading dash, are relative to the working directory" {
  cd "$BATS_TEST_TMPDIR"
  mv tools ./-tools
  GKE_JOB_TOOLS=-tools GKE_JOB_CACHE=cache list_jobs
  assert_success
  assert [ -x "$(echo "$BATS_TEST_TMPDIR"/cache/*/kubectl)" ]
}

@test "a cache path that cannot be in PATH is refused" {
  GKE_JOB_CACHE=$BATS_TEST_TMPDIR/a:b list_jobs
  assert_failure 78
  assert_regex "$stderr" "a:b cannot be part of PATH: set GKE_JOB_CACHE to a directory without ':'"
}

@test "a cache that others can write to is not used" {
  mkdir -m 777 "$GKE_JOB_CACHE"
  list_jobs
  assert_failure 78
  assert_regex "$stderr" 'is not a private directory of this user: set GKE_JOB_CACHE to another one'
}

@test "check-setup finds the programs too" {
  run_script check-setup --namespace ml-jobs --profile cpu-small
  assert_success
  assert_line --regexp "^ok +kubectl +.*, $GKE_JOB_CACHE/[0-9a-f]{32}/kubectl$"
}
