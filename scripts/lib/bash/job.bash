# shellcheck shell=bash
# Deletes a Job, and finds a Job that was just created.

# shellcheck disable=SC2034 # for the scripts
readonly COLLECTED_ANNOTATION=gke-job/collected
readonly UNSCHEDULED_ANNOTATION=gke-job/unscheduled
readonly REMOVAL_SECONDS=600 # timeout of a deletion: a finalizer may prevent it

# Deletes the Job with this uid and its Pods, and waits until they are removed. It does nothing if the Job does not exist or has
# another uid. Call it after connection::open.
job::delete() { # NAME NAMESPACE UID
  job::send_deletion "$@"
  job::wait_until_gone "$@"
}

# Sends the deletion of the Job, and does not wait.
job::send_deletion() { # NAME NAMESPACE UID
  local deletion body
  log "deleting Job $1 and its Pods; waiting until they have terminated"
  job::prepare_deletion "$1" "$2" "$3" Foreground
  change::send "delete Job $1" "${deletion[@]}" # on a conflict the Job with this uid no longer exists
}

job::wait_until_gone() { # NAME NAMESPACE UID
  local left
  change::seconds_left
  ((left <= REMOVAL_SECONDS)) || left=$REMOVAL_SECONDS
  ((left > 0)) || left=0
  options::pass_on unreachable-timeout
  connection::ask wait-gone --job "$1" --namespace "$2" --uid "$3" --timeout "$left" "${passed_on[@]}" || exit
}

# Whether no Job has this name and uid. Call it after connection::open.
job::is_gone() { # NAME NAMESPACE UID
  local answer=''
  options::pass_on unreachable-timeout
  connection::ask job-uid --job "$1" --namespace "$2" "${passed_on[@]}" && [[ $answer != "$3" ]]
}

# Sets: deletion and body, the arguments and the standard input with which kubectl deletes the Job if it has this uid.
job::prepare_deletion() { # NAME NAMESPACE UID PROPAGATION-POLICY
  body='{"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "'$4'", "preconditions": {"uid": "'$3'"}}'
  # kubectl delete has no option for the uid, so this is a raw request.
  connection::raw_request "/apis/batch/v1/namespaces/$2/jobs/$1"
  deletion=(delete "${raw[@]}" --filename -)
}

# Finds the Job of a submit-job that was interrupted before it printed its line. Returns 1 if the cluster does not answer
# within 1.9 s, see deadline.bash.
# Sets: answer, the line of submit-job, empty if the Job does not exist.
job::find_submitted() { # NAME NAMESPACE -> answer
  answer=$(deadline::run 1900 "${COMMAND[@]}" submission "${connection[@]}" --job "$1" --namespace "$2" --plan "$PRIVATE_DIR" \
    --created "$PRIVATE_DIR/kubectl-output" --interrupted "$((1 + extension)).5" -- "${proxy_command[@]}" 2>/dev/null)
}

# Makes a Job without nodes fail, and annotates it with SECONDS, so that the next run uses the fallback of its profile. The uid
# in the patch is a precondition.
job::end_unscheduled() { # NAME NAMESPACE UID SECONDS
  change::try patch job "$1" --namespace "$2" --type merge --patch '{"metadata": {"uid": "'"$3"'",
    "annotations": {"'"$UNSCHEDULED_ANNOTATION"'": "'"$4"'"}}, "spec": {"activeDeadlineSeconds": 1}}' || {
    change::print_verdict_from "end Job $1 so that the next run sees it" "$PRIVATE_DIR/errors" >/dev/null || true
    return 1
  }
  warn "Job $1 in namespace $2 got no nodes within $4 s and is stopped; the next run of this task uses the fallback of its profile, if there is one"
}
