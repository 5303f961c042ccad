# shellcheck shell=bash
# At which stage each Pod of the Job `$job` is, since when, and how long is too long.
#
#   waiting    for a node: the scheduler, the autoscaler, a quota, Kueue; patient for --schedule-timeout
#   starting   on its node: volumes, network, image
#   stuck      on its node, where it cannot start: often heals, so tolerated for --start-timeout
#   running, succeeded, failed, removed

readonly START_SECONDS=300 HEARTBEAT_SECONDS=300

# What the kubelet says of a container that cannot start; the first word of each is the state's reason.
readonly STUCK='ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|ImageInspectError|RegistryUnavailable|SignatureValidationFailed|CreateContainerConfigError|CreateContainerError|RunContainerError'

declare -A stage=() stage_since=() # per Pod; since: in SECONDS
declare -A told=()                 # what was last said: of Pods by name, of the Job under "job"
told_at=0                          # when something was last said
waiting_since=''                   # since when no Pod has a node; empty while one has
problem='' unscheduled_because=''  # why the last stuck Pod is stuck, and what the scheduler last said

# Says what it has not said of this object last: a line a change, not a line an event.
tell() { # OBJECT MESSAGE
  [[ ${told[$1]-} != "$2" ]] || return 0
  told[$1]=$2
  told_at=$SECONDS
  log "$2"
}

# Takes the variables of pod_event: notes at which stage the Pod is now, and says so.
enter_stage() {
  local IFS=' ' now said word because=''
  case $event:$phase in
    DELETED:*) now=removed said='is removed' ;;
    *:Pending)
      if [[ -z $node ]]; then
        now=waiting said="is waiting for a node${unscheduled:+: $unscheduled}"
        unscheduled_because=$unscheduled
      else
        now=starting said="is starting on $node${waiting:+: $waiting}"
        ! is_stuck || now=stuck problem="Pod $pod $said"
      fi
      ;;
    *:Running) now=running said="is running on $node" ;;
    *:Succeeded) now=succeeded said='has succeeded' ;;
    *:Failed)
      for word in $reason; do [[ $word == Error ]] || because+=" $word"; done
      now=failed said="has failed${exit_code:+ with exit code $exit_code}${because:+:$because}"
      ;;
    *) now=starting said="is in phase $phase" ;; # Unknown: its node is lost
  esac
  if [[ ${stage[$pod]-} != "$now" ]]; then
    stage[$pod]=$now
    stage_since[$pod]=$SECONDS
  fi
  tell "$pod" "Pod $pod${index:+ (index $index)} $said"
}

# Volumes and network come before the image: without them a Pod is as stuck as without an image. A long pull is not.
is_stuck() {
  [[ $waiting =~ $STUCK || $sandbox == False ]]
}

# Counts the Pods at any of these stages: fills `count`.
count_pods() { # STAGE...
  local pod
  count=0
  for pod in "${!stage[@]}"; do
    [[ " $* " != *" ${stage[$pod]} "* ]] || count=$((count + 1))
  done
}

# Ends the script when something has taken too long; says how it is going when nothing was said for long.
check_clocks() {
  [[ ${checked_at-} != "$SECONDS" ]] || return 0
  local pod count
  checked_at=$SECONDS
  ! is_over "${option[timeout]}" 0 ||
    finish "$EXIT_TIMEOUT" "Job $job is not finished after ${option[timeout]} s; it goes on"
  count_pods starting stuck running succeeded failed
  if ((count > 0)); then waiting_since=''; else : "${waiting_since:=$SECONDS}"; fi
  ! is_over "${option[schedule_timeout]}" "${waiting_since:-$SECONDS}" ||
    finish "$EXIT_TIMEOUT" "Job $job has no node after ${option[schedule_timeout]} s${unscheduled_because:+: $unscheduled_because}"
  for pod in "${!stage[@]}"; do
    [[ ${stage[$pod]} == stuck ]] || continue
    ! is_over "${option[start_timeout]:-$START_SECONDS}" "${stage_since[$pod]}" ||
      finish "$EXIT_CONFIG" "Job $job will never start: for ${option[start_timeout]:-$START_SECONDS} s $problem"
  done
  ! is_over "${option[heartbeat]:-$HEARTBEAT_SECONDS}" "$told_at" || heartbeat
}

is_over() { # SECONDS-OR-NOTHING SINCE
  [[ $1 ]] && ((SECONDS - $2 >= $1))
}

heartbeat() {
  local each count parts=''
  look
  for each in waiting starting stuck running succeeded failed; do
    count_pods "$each"
    ((count == 0)) || parts+="${parts:+, }$count $each"
  done
  told_at=$SECONDS
  log "Job $job goes on after $SECONDS s; Pods: ${parts:-none}"
}
