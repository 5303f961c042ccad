#!/usr/bin/env bats
# The scripts with the kubectl of three minor versions; all other cases use that of the machine.

setup_file() {
  load test_helper
  use_generated_namespace
}

setup() {
  load test_helper
  load ../integration/job_helper
  as_task dag "$BATS_TEST_NAME" run
}

teardown() { end_children; }

teardown_file() { delete_namespace; }

# Puts the kubectl of a minor version first on PATH.
use_kubectl() { # 1.33|1.35|newest
  local directory=$KUBECTLS/$1
  [[ $1 != newest ]] || directory=$(dirname "$GKE_JOB_PYTHON")
  mkdir "$BATS_TEST_TMPDIR/bin"
  ln -s "$directory/kubectl" "$BATS_TEST_TMPDIR/bin"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
  assert_equal "$(type -P kubectl)" "$BATS_TEST_TMPDIR/bin/kubectl"
  [[ $1 == newest ]] || assert_regex "$(kubectl version --client)" "^Client Version: v$1\."
}

# Runs each kubectl command of the scripts.
works_with() { # 1.33|1.35|newest
  use_kubectl "$1"

  run_job 'echo one; sleep 1; echo two; echo 7 >/dev/termination-log'
  assert_success
  assert_output 7
  assert_regex "$stderr" $'\\| one\n.*\\| two'

  run_job 'echo broken; exit 3' --name failing
  assert_failure 1
  assert_regex "${stderr_lines[-1]}" 'failed: Job has reached the specified backoff limit'
  run_script collect-job --job failing
  assert_one_error 1 'it has no result'
  run_script delete-job --job failing
  assert_success
  run_script delete-job --job failing
  assert_regex "$stderr" 'already deleted'

  run_script follow-job --job never-was
  assert_one_error 78 'jobs.batch "never-was" not found'
  run_job 'true' --namespace gke-job-conformance-nowhere
  assert_failure 78
  assert_regex "$stderr" 'namespace gke-job-conformance-nowhere does not exist'
  run_job 'true' --context nope
  assert_failure 64
  echo '{"image": "busybox:1.37", "pod": {"containers": [{"name": "other"}]}}' >"$BATS_TEST_TMPDIR/values.json"
  run_script submit-job --template batch-job --values "$BATS_TEST_TMPDIR/values.json"
  assert_failure 65
  assert_regex "$stderr" 'spec.template.spec.containers\[1\].image: Required value'
  use_token worthless
  run_script follow-job --job never-was --context token
  assert_one_error 77 'not logged in'
}

# Adds a context "below" whose server URL has a path, as that of Connect gateway.
use_path() {
  local port
  kubectl proxy --port=0 --api-prefix=/below/a/path/ 3>&- >"$BATS_TEST_TMPDIR/proxy" &
  wait_until grep --quiet 'Starting to serve on 127.0.0.1:' "$BATS_TEST_TMPDIR/proxy"
  port=$(sed 's/.*127.0.0.1://' "$BATS_TEST_TMPDIR/proxy")
  kubectl config set-cluster below --server "http://127.0.0.1:$port/below/a/path" >/dev/null
  kubectl config set-context below --cluster below --namespace "$NAMESPACE" >/dev/null
}

works_below_a_path() { # 1.33|1.35|newest
  use_path
  use_kubectl "$1"
  run_job 'echo 7 >/dev/termination-log' --context below --name "below-${1//./-}"
  assert_success
  assert_output 7
  run_script delete-job --context below --namespace "$NAMESPACE" --job "below-${1//./-}"
  assert_success
  run kubectl get job "below-${1//./-}"
  assert_output --partial 'not found'
}

@test "kubectl 1.33 with a server URL that has a path, as Connect gateway's" { works_below_a_path 1.33; }

@test "the newest kubectl with a server URL that has a path" { works_below_a_path newest; }

@test "kubectl 1.33: run-job, logs, deletion, and the classification of its errors" { works_with 1.33; }

@test "kubectl 1.35: run-job, logs, deletion, and the classification of its errors" { works_with 1.35; }

@test "the newest kubectl: run-job, logs, deletion, and the classification of its errors" { works_with newest; }
