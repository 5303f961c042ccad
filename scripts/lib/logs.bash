# shellcheck shell=bash
# The logs of a Job's Pods: one reader a Pod, at most --max-log-streams at the same time. Logs are best effort:
# what happens here never decides about the Job.

readonly DRAIN_SECONDS=10 # how long readers may go on after the Job has ended

declare -A log_reader=() # Pod -> process id of its reader, 0 while it waits for a place

# Reads the log of a Pod that has started, once.
want_log() { # POD
  [[ ${log_reader[$1]-} ]] || log_reader[$1]=0
  start_log_readers
}

# Lets the reader of a Pod know that the log has an end now.
log_ends() { # POD
  : >"$PRIVATE_DIR/ended.$1"
}

start_log_readers() {
  local pod places=${option[max_log_streams]:-10}
  for pod in "${!log_reader[@]}"; do
    ! is_reading "$pod" || places=$((places - 1))
  done
  for pod in "${!log_reader[@]}"; do
    ((places > 0)) || return 0
    ((log_reader[$pod] == 0)) || continue
    start TERM setsid "$PYTHON" "$SCRIPTS/lib/pod_log.py" "$pod" "${pod#"$job-"} | " "$PRIVATE_DIR/ended.$pod" \
      kubectl "${kubectl_options[@]}" logs "$pod"
    log_reader[$pod]=$!
    places=$((places - 1))
  done
}

is_reading() { # POD
  ((log_reader[$1] > 0)) && kill -0 "${log_reader[$1]}" 2>/dev/null
}

# Waits until every log is read to its end, but not for ever.
drain_logs() {
  local pod deadline=$((SECONDS + DRAIN_SECONDS))
  for pod in "${!log_reader[@]}"; do log_ends "$pod"; done
  start_log_readers
  while log_is_unread && ((SECONDS < deadline)); do
    sleep 0.05
    start_log_readers
  done
  for pod in "${!log_reader[@]}"; do
    if ((log_reader[$pod] == 0)); then
      log "the log of Pod $pod is not shown: --max-log-streams others took too long"
    elif is_reading "$pod"; then
      log "the log of Pod $pod is still being written; the rest of it is not shown"
    fi
  done
}

log_is_unread() {
  local pod
  for pod in "${!log_reader[@]}"; do
    ((log_reader[$pod] > 0)) && ! is_reading "$pod" || return 0
  done
  return 1
}
