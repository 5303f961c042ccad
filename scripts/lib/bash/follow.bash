# shellcheck shell=bash
# Options and start of the follower (gke_jobs/following), for follow-job, poll-job and run-job.

# --help prints it below the header comment of a script with WAIT and EARLIER in its usage.
# shellcheck disable=SC2034 # for the scripts
follow_help="
WAIT, the limits and messages of the wait for the Job
  --schedule-timeout SECONDS
                     end with 124 when no Pod of the Job has had a node for this time (for a distributed Job: not all
                     Pods), the Job was suspended, e.g. in a queue, or a ResourceQuota has prevented the creation of its
                     Pods; default: no limit
  --start-timeout SECONDS
                     end with 78 when a Pod could not start for this time (missing image, Secret, ConfigMap,
                     PersistentVolumeClaim, ...), or the cluster has refused to create Pods; default: 300
  --heartbeat SECONDS
                     interval from the last message to a progress message; default: 300
  --logs WHICH       the containers whose logs are printed: all (default), failed, or none
  --max-log-streams N
                     number of containers whose logs are read at the same time; the others follow; default: 10

EARLIER, the state of the earlier checks, with --once
  --waited SECONDS   how long the wait has lasted before this check; it counts for --timeout
  --waited-for-nodes SECONDS
                     how long the Job has lacked nodes; it counts for --schedule-timeout if the Job still lacks nodes
  --waited-to-start SECONDS
                     how long a Pod could not be started or created; it counts for --start-timeout if it still cannot
  --check-state FILE the position in each log and the results so far. The script reads the file if it exists, and writes
                     it for the next check
"
# Both run-job and follow-job accept these options and pass them on: to follow-job, and to gke_jobs/following/follower.py.
# shellcheck disable=SC2034 # for the scripts
readonly FOLLOW_OPTIONS="schedule-timeout start-timeout heartbeat max-log-streams logs"
# shellcheck disable=SC2034 # likewise
readonly EARLIER_OPTIONS="waited waited-for-nodes waited-to-start check-state" # only with --once

follow::check_options() {
  options::require_seconds timeout schedule-timeout start-timeout heartbeat
  options::require_numbers max-log-streams
  options::require_choice logs all failed none
}

follow::check_earlier_options() {
  local name
  for name in waited waited-for-nodes waited-to-start; do
    [[ ${option[${name//-/_}]} =~ ^(0|[1-9][0-9]{0,8})?$ ]] ||
      die "$EXIT_USAGE" "option --$name is ${option[${name//-/_}]@Q}: it must be a whole number of seconds, of at most 9 digits"
  done
  [[ ! ${option[once]} ]] || return 0
  for name in $EARLIER_OPTIONS; do
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
