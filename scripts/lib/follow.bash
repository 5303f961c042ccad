# shellcheck shell=bash
# The wait of follow-job and poll-job, which Python does: gke_jobs/following.

# shellcheck disable=SC2034 # for the scripts
readonly FOLLOW_OPTIONS="timeout schedule-timeout start-timeout heartbeat max-log-streams logs"

require_follow_options() {
  require_numbers timeout schedule-timeout start-timeout heartbeat max-log-streams
  require_choice logs all failed none
}

# Runs the follower and ends with its exit code. In a stage of run-job, which has the private directory and the connection,
# it takes the place of this script: one process less for as long as the Job runs.
follow() { # OPTION...
  local follower=("${COMMAND[@]}" follow "${connection[@]}" "$@" -- "${proxy_command[@]}")
  [[ ! ${GKE_JOB_RUN-} ]] || exec "${follower[@]}"
  start KILL "${follower[@]}"
  wait $! || exit
}
