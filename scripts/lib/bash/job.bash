# shellcheck shell=bash
# Reading and deleting one Job. The labels and annotations read here are set by render-job.

# shellcheck disable=SC2034 # for the scripts
readonly COLLECTED_ANNOTATION=gke-job/collected
readonly UNSCHEDULED_ANNOTATION=gke-job/unscheduled
readonly GONE_SECONDS=600 # for what is being deleted, which a finalizer may hold for ever

# What submit-job hands on to render-job, and run-job to submit-job.
# shellcheck disable=SC2034 # likewise
readonly RENDER_OPTIONS="template values set profile profile-for profiles validate kubernetes-version"

job::require_render_options() {
  options::require template
  options::require_choice validate off server offline
  local name
  for name in escalate fallback; do
    [[ ! ${option[$name]} || ${option[profile]}${option[profile_for]} ]] ||
      die "$EXIT_USAGE" "--$name needs a profile to begin with: give --profile or --profile-for"
  done
}

# Deletes the Job with this uid and its Pods, and waits until they are gone. Gone already, or another uid: nothing to do.
# Call it after connection::open.
job::delete() { # NAME NAMESPACE UID
  job::send_deletion "$@"
  job::wait_until_gone "$@"
}

# The same without the wait.
job::send_deletion() { # NAME NAMESPACE UID
  local deletion body
  log "deleting Job $1 and its Pods; this waits until they have ended"
  job::prepare_deletion "$1" "$2" "$3" Foreground
  change::send "delete Job $1" "${deletion[@]}" # refused: somebody else was faster
}

job::wait_until_gone() { # NAME NAMESPACE UID
  local left
  change::seconds_left
  ((left <= GONE_SECONDS)) || left=$GONE_SECONDS
  ((left > 0)) || left=0
  options::pass_on unreachable-timeout
  connection::ask wait-gone --job "$1" --namespace "$2" --uid "$3" --timeout "$left" "${passed_on[@]}" || exit
}

# Fills `deletion` and `body`, the arguments and the standard input of a kubectl that deletes the Job only while it has
# this uid, and does not wait for it.
job::prepare_deletion() { # NAME NAMESPACE UID PROPAGATION-POLICY
  body='{"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "'$4'", "preconditions": {"uid": "'$3'"}}'
  # The raw call, because kubectl delete has no option for the uid.
  connection::raw_request "/apis/batch/v1/namespaces/$2/jobs/$1"
  deletion=(delete "${raw[@]}" --filename -)
}

# Looks for the Job of a submit that ended before it could say whether there is one; not for longer than 1.9 s. The answer
# is the line of submit-job, empty for none. 1 when the cluster does not tell.
job::find_submitted() { # NAME NAMESPACE -> answer
  answer=$(deadline::run 1900 "${COMMAND[@]}" submission "${connection[@]}" --job "$1" --namespace "$2" --plan "$PRIVATE_DIR" \
    --created "$PRIVATE_DIR/changed" --interrupted 1.5 -- "${proxy_command[@]}" 2>/dev/null)
}

# Makes the Job fail, and notes why in it: the next run reads that. Its uid in the patch is a precondition.
job::end_unscheduled() { # NAME NAMESPACE UID SECONDS
  change::try patch job "$1" --namespace "$2" --type merge --patch '{"metadata": {"uid": "'"$3"'",
    "annotations": {"'"$UNSCHEDULED_ANNOTATION"'": "'"$4"'"}}, "spec": {"activeDeadlineSeconds": 1}}' || {
    change::explain_kubectl "end Job $1 so that the next run sees it" "$PRIVATE_DIR/errors" >/dev/null || true
    return 1
  }
  warn "Job $1 in namespace $2 got no nodes within $4 s and is ended; the next run of this task sees that"
}
