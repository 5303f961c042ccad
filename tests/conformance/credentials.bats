#!/usr/bin/env bats
# A credential plugin that fails: once, as a metadata server may, or permanently (V1).
# shellcheck disable=SC2154 # job and status are set by functions of faults.bash
# bats file_tags=needs:faults

source "$BATS_TEST_DIRNAME/../dev/faults/setup.bash"

# Configures kubectl with a credential plugin, whose tokens are valid for a second. It fails with a message of the metadata
# server, once for each line in the file `failures`.
use_plugin() { # [EXIT-CODE]
  local token
  token=$(kubectl config view --raw --minify --output 'jsonpath={.users[0].user.token}')
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  cp "$BATS_FILE_TMPDIR/kubeconfig" "$KUBECONFIG"
  touch "$BATS_TEST_TMPDIR/failures"
  cat >"$BATS_TEST_TMPDIR/gke-gcloud-auth-plugin" <<END_OF_PLUGIN
#!/bin/sh
if [ -s "$BATS_TEST_TMPDIR/failures" ]; then
  sed -i 1d "$BATS_TEST_TMPDIR/failures"
  echo failed >>"$BATS_TEST_TMPDIR/failed"
  echo 'Failed to retrieve access token: 503 Service Unavailable from the metadata server' >&2
  exit ${1:-1}
fi
cat <<END
{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
 "status": {"token": "$token", "expirationTimestamp": "\$(date -u -d '1 second' +%Y-%m-%dT%H:%M:%SZ)"}}
END
END_OF_PLUGIN
  chmod +x "$BATS_TEST_TMPDIR/gke-gcloud-auth-plugin"
  kubectl config set-credentials plugin --exec-api-version client.authentication.k8s.io/v1beta1 \
    --exec-command gke-gcloud-auth-plugin --exec-interactive-mode Never >/dev/null
  kubectl config set-context --current --user plugin >/dev/null
  PATH=$BATS_TEST_TMPDIR:$PATH
}

fail_logins() { # NUMBER
  seq "$1" >"$BATS_TEST_TMPDIR/failures"
}

logins_failed() {
  [[ ! -s $BATS_TEST_TMPDIR/failures ]]
}

@test "V1: the credential plugin fails at the first call: the run continues" {
  use_plugin
  fail_logins 2
  start_suspended_job 'echo 1 >/dev/termination-log'
  assert logins_failed
  resume "$job"
  assert_ended 0 1
}

@test "V1: the credential plugin fails while the Job is followed: the run continues" {
  use_plugin
  start_suspended_job 'echo 1 >/dev/termination-log'
  fail_logins 2
  fault watch:end:now
  wait_until logins_failed
  resume "$job"
  assert_ended 0 1
}

@test "V1: the credential plugin fails when the result is collected: it is returned" {
  use_plugin
  start_suspended_job 'sleep 3; echo 1 >/dev/termination-log'
  resume "$job"
  said 'is running on'
  fail_logins 2
  assert_ended 0 1
}

@test "V1: the credential plugin fails once in collect-job and in poll-job" {
  use_plugin
  start_suspended_job 'echo 1 >/dev/termination-log'
  resume "$job"
  assert_ended 0 1
  fail_logins 1
  run_script poll-job --job "$job"
  assert_success
  assert logins_failed
  fail_logins 1
  run_script collect-job --job "$job"
  assert_success
  assert_output 1
  assert logins_failed
}

@test "V1: permanently invalid credentials soon end the run with 77" {
  use_plugin
  fail_logins 100000
  sed -i 's/503 Service Unavailable from the metadata server/You do not currently have an active account selected/' \
    "$BATS_TEST_TMPDIR/gke-gcloud-auth-plugin"
  local began=$SECONDS
  run_script poll-job --job any
  assert_failure 77
  assert_regex "${stderr_lines[-1]}" 'not logged in: .*active account'
  ((SECONDS - began < 60)) # not until --unreachable-timeout
}
