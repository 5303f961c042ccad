# shellcheck shell=bash
# Options and start of the follower (gke_jobs/following), for follow-job, poll-job and run-job.

# shellcheck disable=SC2034 # for the scripts
readonly LIMIT_OPTIONS="timeout schedule-timeout" # run-job passes on the rest of them; see run_stage
# Both run-job and follow-job accept these options and pass them on: to follow-job, and to gke_jobs/following/follower.py.
# shellcheck disable=SC2034 # likewise
readonly FOLLOW_OPTIONS="start-timeout heartbeat max-log-streams logs"
# shellcheck disable=SC2034 # likewise
readonly CHECK_OPTIONS="waited waited-for-nodes waited-to-start check-state" # only with --once

follow::require_options() {
  options::require_seconds timeout schedule-timeout start-timeout heartbeat
  options::require_numbers max-log-streams
  options::require_choice logs all failed none
}

follow::require_check_options() {
  local name
  for name in waited waited-for-nodes waited-to-start; do
    [[ ${option[${name//-/_}]} =~ ^(0|[1-9][0-9]{0,8})?$ ]] ||
      die "$EXIT_USAGE" "option --$name is ${option[${name//-/_}]@Q}: it must be a whole number of seconds, of at most 9 digits"
  done
  [[ ! ${option[once]} ]] || return 0
  for name in $CHECK_OPTIONS; do
    [[ ! ${option[${name//-/_}]} ]] || die "$EXIT_USAGE" "option --$name requires --once"
  done
}

# Runs the follower, and ends the script with its exit code. In a stage of run-job the follower replaces the script, which
# saves a process while the Job runs: run-job owns the private directory and the connection.
follow::run() { # OPTION...
  local follower=("${COMMAND[@]}" follow "${connection[@]}" "$@" -- "${proxy_command[@]}")
  ! common::is_stage || exec "${follower[@]}"
  processes::start KILL "${follower[@]}"
  wait $! || exit
}
