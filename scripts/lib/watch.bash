# shellcheck shell=bash
# Two watches, on the Job `$job` with uid `$uid` and on its Pods, merged into one stream of lines.
#
#   job|EVENT|UID|TRUE-CONDITIONS|SUCCEEDED-PODS|FAILED-PODS|BACKOFF-LIMIT|KUEUE-QUEUE|MESSAGE-OF-FAILED
#   pod|EVENT|NAME|INDEX|NODE|PHASE|WAITING-REASON|SANDBOX-READY|EXIT-CODE|REASON|SCHEDULER-MESSAGE
#
# A watch begins with the present state, so one that is started anew misses nothing that still matters.

# How long to try again, at most, when what was allowed before is denied, before giving up with 77: an API server that has
# just started denies everything until it has read its Roles.
readonly DENIED_SECONDS=60

line_of() { # FIELD...
  local IFS='|'
  printf '%s{"\\n"}' "$*"
}

JOB_LINE=$(line_of job '{.type}' '{.object.metadata.uid}' \
  '{.object.status.conditions[?(@.status=="True")].type}' '{.object.status.succeeded}' '{.object.status.failed}' \
  '{.object.spec.backoffLimit}' '{.object.metadata.labels.kueue\.x-k8s\.io/queue-name}' \
  '{.object.status.conditions[?(@.type=="Failed")].message}')
POD_LINE=$(line_of pod '{.type}' '{.object.metadata.name}' \
  '{.object.metadata.annotations.batch\.kubernetes\.io/job-completion-index}' \
  '{.object.spec.nodeName}' \
  '{.object.status.phase}' \
  '{.object.status.initContainerStatuses[*].state.waiting.reason} {.object.status.containerStatuses[*].state.waiting.reason}' \
  '{.object.status.conditions[?(@.type=="PodReadyToStartContainers")].status}' \
  '{.object.status.containerStatuses[*].state.terminated.exitCode}' \
  '{.object.status.containerStatuses[*].state.terminated.reason} {.object.status.reason} {.object.status.conditions[?(@.type=="DisruptionTarget")].reason}' \
  '{.object.status.conditions[?(@.type=="PodScheduled")].message}')
readonly JOB_LINE POD_LINE

# Takes a line of Pods apart, into the variables of the caller.
read_pod() { # LINE
  local IFS='|'
  read -r _ event pod index node phase waiting sandbox exit_code reason unscheduled <<<"$1"
  waiting=${waiting# } waiting=${waiting% } # of no init container, or of no container
}

# Per watch; starts: how often it was started, began: at which second, resumes: the second at which it is started again.
# job_told: whether the present watch has said anything of the Job; look_at: the second to ask for it if not.
declare -A watch_pid=() watch_starts=() watch_began=() watch_resumes=()

start_watches() {
  mkfifo "$PRIVATE_DIR/events"
  exec {events}<>"$PRIVATE_DIR/events"
  watch_pause=1
  lost='' # since which second a watch cannot be had
  start_watch job
  start_watch pod
}

start_watch() { # job|pod
  local selection line
  select_for "$1"
  # kubectl writes a line in pieces. Two writers share the pipe of events, so sed puts each line into it in one piece,
  # which the system grants up to 4096 bytes.
  start KILL setsid kubectl "${kubectl_options[@]}" get "${selection[@]}" --output "jsonpath=$line" \
    --watch --output-watch-events 2>"$PRIVATE_DIR/$1.err" \
    > >(LC_ALL=C exec sed --unbuffered 's/^\(.\{4000\}\).*/\1/' >"$PRIVATE_DIR/events")
  watch_pid[$1]=$!
  watch_began[$1]=$SECONDS
  [[ $1 == pod ]] || job_told='' look_at=$((SECONDS + 2))
  watch_starts[$1]=$((${watch_starts[$1]-0} + 1))
  unset "watch_resumes[$1]"
}

# Asks once for what a watch tells: into the file answer, in its lines with an empty EVENT. 1 without an answer.
ask_for() { # job|pod
  local selection line
  select_for "$1"
  try get "${selection[@]}" --output "jsonpath={range .items[*]}${line//.object/}{end}"
}

# Fills `selection` and `line`: what kubectl is to get, and how it prints it.
select_for() { # job|pod
  # The Job as a list, though it is one: of a single object kubectl gets one state, watches from a later one and drops
  # that, so that what happens in between, perhaps the end, is never told.
  selection=(jobs --field-selector "metadata.name=$job") line=$JOB_LINE
  [[ $1 == job ]] || selection=(pods --selector "batch.kubernetes.io/controller-uid=$uid") line=$POD_LINE
}

# Reads the next line into `event`; 1 when there was none for a second.
next_event() {
  local part=''
  if read -r -t 1 -u "$events" part; then
    event=${unfinished-}$part
    unfinished=''
    [[ $event != job* ]] || job_told=yes
    lost=''
    watch_pause=1
  else
    unfinished=${unfinished-}$part
    return 1
  fi
}

# Whether there still is a Job. A watch on a list says nothing of what is not there: if it has said nothing, asks.
job_is_there() {
  if [[ $job_told ]] || ((SECONDS < look_at)); then return 0; fi
  look_at=$((SECONDS + 5))
  ask_for job || return 0
  [[ -s $PRIVATE_DIR/answer ]]
}

# Starts watches that have ended again; 1 when the Job is no longer there. Ends the script when nothing answers for long.
keep_watching() {
  local kind status said patience unreachable=${option[unreachable_timeout]:-$UNREACHABLE_SECONDS}
  job_is_there || return 1
  for kind in job pod; do
    if [[ ${watch_resumes[$kind]-} ]]; then
      ((SECONDS < watch_resumes[$kind])) || start_watch "$kind"
      continue
    fi
    ! kill -0 "${watch_pid[$kind]}" 2>/dev/null || continue
    status=0
    wait "${watch_pid[$kind]}" || status=$?
    if ((status == 0)); then # the server ends every watch after a while; at once is no reason to hurry
      if ((SECONDS - watch_began[$kind] > 1)); then start_watch "$kind"; else watch_resumes[$kind]=$((SECONDS + 1)); fi
      continue
    fi
    status=0
    said=$(explain_kubectl_error "watch Job $job" "$PRIVATE_DIR/$kind.err" 2>&1) || status=$?
    lost=${lost:-$SECONDS}
    case $status in
      "$EXIT_UNREACHABLE") patience=$unreachable ;;
      "$EXIT_DENIED") # the first watch was not
        patience=$((watch_starts[$kind] == 1 ? 0 : unreachable < DENIED_SECONDS ? unreachable : DENIED_SECONDS))
        ;;
      *) patience=0 ;;
    esac
    if ((SECONDS - lost >= patience)); then
      unfold
      printf '%s\n' "$said" >&2
      exit "$status"
    fi
    printf '%s\n' "$said" >&2
    log "watching again in $watch_pause s"
    watch_resumes[$kind]=$((SECONDS + watch_pause))
    watch_pause=$((watch_pause < 30 ? watch_pause * 2 : 30))
  done
}
