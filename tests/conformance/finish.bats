#!/usr/bin/env bats
# The end of a Job: conditions, counters, reasons, and the exit code of follow-job.

setup_file() {
  load test_helper
  use_generated_namespace
  create_job complete 'echo done'
  create_job failed 'exit 3' '{"backoffLimit": 1}'
  create_job late 'trap exit TERM; sleep 60 & wait' '{"activeDeadlineSeconds": 1}'
}

setup() { load test_helper; }

teardown_file() { delete_namespace; }

@test "a Job whose Pod succeeds: SuccessCriteriaMet, then Complete" {
  wait_for_condition Complete complete
  assert_equal "$(conditions complete)" 'SuccessCriteriaMet=True:CompletionsReached Complete=True:CompletionsReached'
  assert_field complete '{.status.conditions[1].message}' 'Reached expected number of succeeded pods'
}
@test "a complete Job counts one succeeded Pod, and no active, ready or terminating Pod" {
  wait_for_condition Complete complete
  assert_field complete '{.status.succeeded}|{.status.active}|{.status.failed}|{.status.ready}|{.status.terminating}' '1|||0|0'
  assert_regex "$(field complete '{.status.startTime} {.status.completionTime}')" '^20[0-9TZ:-]+ 20[0-9TZ:-]+$'
}

@test "k#1629: follow-job ends with 0 on Complete" {
  run_script follow-job --job complete
  assert_success
  assert_output --regexp '^.{5} \| done$'
  assert_equal "${stderr_lines[-1]}" 'follow-job: Job complete is complete'
}

@test "a Job whose Pods fail too often: FailureTarget, then Failed, with BackoffLimitExceeded" {
  wait_for_condition Failed failed
  assert_equal "$(conditions failed)" 'FailureTarget=True:BackoffLimitExceeded Failed=True:BackoffLimitExceeded'
  assert_field failed '{.status.conditions[1].message}' 'Job has reached the specified backoff limit'
  assert_field failed '{.status.failed}|{.status.active}|{.status.succeeded}|{.status.completionTime}' '2|||'
}

@test "K#100248: follow-job ends with 1 and the reason on Failed" {
  run_script follow-job --job failed
  assert_failure 1
  assert_equal "${stderr_lines[-1]}" 'follow-job: Job failed failed: Job has reached the specified backoff limit'
  assert_regex "$stderr" 'Pod failed-.{5} has failed with exit code 3'
}

@test "a Job that exceeds its deadline: its Pod is ended, and it fails with DeadlineExceeded" {
  wait_for_condition Failed late
  assert_equal "$(conditions late)" 'FailureTarget=True:DeadlineExceeded Failed=True:DeadlineExceeded'
  run_script follow-job --job late
  assert_failure 1
  assert_equal "${stderr_lines[-1]}" 'follow-job: Job late failed: Job was active longer than specified deadline'
}

@test "a Pod of a Job has the labels that the scripts select, its owner, and its container's exit code" {
  wait_for_condition Complete complete
  local uid
  uid=$(field complete '{.metadata.uid}')
  run kubectl get pods --selector "batch.kubernetes.io/controller-uid=$uid" --output jsonpath='{range .items[*]}
{.metadata.labels.batch\.kubernetes\.io/job-name} {.metadata.labels.job-name}
{.metadata.labels.controller-uid} {.metadata.ownerReferences[0].uid}
{.metadata.ownerReferences[0].controller} {.status.phase}
{.status.containerStatuses[0].state.terminated.exitCode} {.status.containerStatuses[0].state.terminated.reason}{end}'
  assert_output "
complete complete
$uid $uid
true Succeeded
0 Completed"
}

@test "the events of a Job report the controller's actions, also in kubectl describe" {
  wait_for_condition Failed failed
  wait_until event failed BackoffLimitExceeded 'Job has reached the specified backoff limit'
  event failed SuccessfulCreate 'Created pod: failed-'
  wait_until event complete Completed 'Job completed'
  run kubectl describe job failed
  assert_line --regexp '^Pods Statuses: +0 Active .*/ 0 Succeeded / 2 Failed'
}
