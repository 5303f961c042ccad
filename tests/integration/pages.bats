#!/usr/bin/env bats
# The commands of README.md and of the pages beside the scripts, as a person pastes them, against the stand-in.

setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  # shellcheck disable=SC2153 # use_own_namespace exports it
  export namespace=$NAMESPACE TMPDIR=$BATS_TEST_TMPDIR
  cd "$REPOSITORY" || return
}

# Runs the commands of a console block of a page; the block is the first one that has TEXT. In the directory of the test,
# which has links to the scripts; ID, WHERE and NAME are those of the stand-in. Fills status, output and stderr.
run_block() { # PAGE TEXT
  local script
  # shellcheck disable=SC2016 # it is Python
  script=$("$GKE_JOB_PYTHON" -c '
import re, sys
page, text = sys.argv[1:]
found = re.findall(r"^ *```console\n(.*?)^ *```", open(page).read(), re.DOTALL | re.MULTILINE)
(block, *_) = [one for one in found if text in one]
lines = [re.sub(r"^   ", "", line) for line in block.splitlines()] if block.startswith("   ") else block.splitlines()
print("\n".join(line[2:] if line.startswith("$ ") else line for line in lines))' "$1" "$2")
  script=${script//ID --location WHERE --cluster NAME/$LOCALGKE_PROJECT --location $LOCALGKE_LOCATION --cluster $LOCALGKE_CLUSTER}
  script=${script/ --watch/} # which runs until it is stopped
  cd "$BATS_TEST_TMPDIR" || return
  ln -sfn "$REPOSITORY/scripts" scripts
  run --separate-stderr bash -o errexit -c "$script"
}

@test "the first Job of the README runs, with and without --set" {
  run_block README.md 'cat > hello.json'
  assert_success
  cd "$REPOSITORY" || return
  run_block README.md 'run-job --template batch-job --values hello.json'
  assert_success
  assert_line --index -1 '{"answer":42}'
  assert_regex "$stderr" 'would run: kubectl create --filename -'
  assert_regex "$stderr" '\| hello from '
  assert [ "$(kubectl get job hello-2 --output 'jsonpath={.spec.backoffLimit}')" = 0 ]
  run kubectl get job hello-2 --output json # --set env.SEED=2
  assert_output --partial '"SEED"'
}

@test "the commands of the README of the scripts run, stage by stage" {
  values_file 'echo a line; echo 42 >/dev/termination-log' >/dev/null
  export run=manual
  as_task churn train "$run"
  run_block scripts/README.md 'get-credentials'
  assert_success
}

@test "the commands of the page about failures explain a Job that failed" {
  export job=failing
  create_job failing 'exit 3'
  kubectl wait --for condition=Failed job/failing --timeout 30s
  run_block dags/TROUBLESHOOTING.md 'explain-job'
  assert_output --partial 'exit code 3'
  assert_output --partial 'ok       kubectl'
}
