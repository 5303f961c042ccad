# shellcheck shell=bash
# The wait of follow-job and poll-job, which Python does: gke_jobs/following.

# shellcheck disable=SC2034 # for the scripts
readonly FOLLOW_OPTIONS="timeout schedule-timeout start-timeout heartbeat max-log-streams logs"
# shellcheck disable=SC2034 # likewise
readonly CHECK_OPTIONS="waited waited-for-nodes waited-to-start check-state" # what --once takes besides

follow::require_options() {
  options::require_seconds timeout schedule-timeout start-timeout heartbeat
  options::require_numbers max-log-streams
  options::require_choice logs all failed none
}

follow::require_check_options() {
  local name
  for name in waited waited-for-nodes waited-to-start; do
    [[ ${option[${name//-/_}]} =~ ^(0|[1-9][0-9]{0,8})?$ ]] ||
      die "$EXIT_USAGE" "option --$name is '${option[${name//-/_}]}': it takes a whole number of seconds, of at most 9 digits"
  done
  [[ ! ${option[once]} ]] || return 0
  for name in $CHECK_OPTIONS; do
    [[ ! ${option[${name//-/_}]} ]] || die "$EXIT_USAGE" "option --$name is of a check: give --once as well"
  done
}

# Runs the follower and ends with its exit code. In a stage of run-job, which has the private directory and the connection,
# it takes the place of this script: one process less for as long as the Job runs.
follow::run() { # OPTION...
  local follower=("${COMMAND[@]}" follow "${connection[@]}" "$@" -- "${proxy_command[@]}")
  [[ ! ${GKE_JOB_RUN-} ]] || exec "${follower[@]}"
  processes::start KILL "${follower[@]}"
  wait $! || exit
}
