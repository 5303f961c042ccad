#!/usr/bin/env bats
# Usual kubectl commands on the stand-in, with the kubectl of this machine and with the newest one, which the venv has.

setup_file() {
  load test_helper
  use_own_namespace
}

setup() {
  load test_helper
  kubectls=("$(type -P kubectl)" "$(dirname "$GKE_JOB_PYTHON")/kubectl")
}

@test "kubectl get jobs,pods shows state, completions and node" {
  create_job shown 'true'
  kubectl wait --for condition=Complete job/shown --timeout 30s
  local each
  for each in "${kubectls[@]}"; do
    run "$each" get jobs,pods --selector job-name=shown --output wide
    assert_success
    assert_output --regexp 'pod/shown-.{5} +0/1 +Completed +0 .*gke-ml-cluster-default-pool-1'
    run "$each" get job shown
    assert_output --regexp 'shown +Complete +1/1 +[0-9]+s'
  done
}

@test "kubectl describe job shows conditions, Pods and events" {
  create_job described 'exit 3'
  kubectl wait --for condition=Failed job/described --timeout 30s
  local each
  for each in "${kubectls[@]}"; do
    run "$each" describe job described
    assert_success
    assert_line --regexp '^Pods Statuses: +0 Active .*/ 0 Succeeded / 1 Failed'
    assert_line --regexp 'SuccessfulCreate +[0-9]+s +job-controller +Created pod: described-'
    assert_line --regexp 'Warning +BackoffLimitExceeded .*Job has reached the specified backoff limit'
  done
}

@test "kubectl logs --follow shows every line and ends with the container" {
  local each
  for each in "${!kubectls[@]}"; do
    # shellcheck disable=SC2016 # for the shell of the container
    create_job "logs-$each" 'for n in 1 2 3; do echo line $n; sleep 0.2; done'
    wait_until sh -c "kubectl get pods --selector job-name=logs-$each | grep --quiet --extended-regexp 'Running|Completed'"
    run "${kubectls[each]}" logs --follow "job/logs-$each"
    assert_success
    assert_output $'line 1\nline 2\nline 3'
  done
}

@test "kubectl get pods --watch prints a row for each change" {
  local each
  for each in "${!kubectls[@]}"; do
    create_job "watched-$each" 'sleep 60'
    "${kubectls[each]}" get pods --selector "job-name=watched-$each" --watch >"$BATS_TEST_TMPDIR/rows" 3>&- &
    wait_until grep -q Running "$BATS_TEST_TMPDIR/rows"
    kubectl delete job "watched-$each" --wait=false
    wait_until grep -q Terminating "$BATS_TEST_TMPDIR/rows"
    kill $!
  done
}

@test "kubectl delete job removes the Job and its Pods" {
  local each
  for each in "${!kubectls[@]}"; do
    create_job "deleted-$each" 'trap exit TERM; sleep 60 & wait'
    run "${kubectls[each]}" delete job "deleted-$each" --cascade=foreground --timeout=30s
    assert_success
    assert_equal "$(kubectl get jobs,pods --selector "job-name=deleted-$each" --output name)" ''
  done
}

@test "an image that the registry lacks leads to ImagePullBackOff" {
  create_job unpulled 'true' '{}' '{"image": "no-such-image:1"}'
  wait_until sh -c 'kubectl get pods --selector job-name=unpulled | grep ImagePullBackOff'
  kubectl delete job unpulled
}

@test "an unsupported request is refused with an error that names the stand-in" {
  run create_job refused 'true' '{"successPolicy": {"rules": [{"succeededCount": 1}]}}'
  assert_failure
  assert_output --partial 'localgke does not imitate'
}
