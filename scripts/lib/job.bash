# shellcheck shell=bash
# Reading and deleting one Job. The labels and annotations read here are set by render-job.

# shellcheck disable=SC2034 # for the scripts
readonly COLLECTED_ANNOTATION=gke-job/collected

# What decides about a Job, one line:
# UID|NAMESPACE|IDENTITY|MANIFEST-HASH|PROFILE|COLLECTED|DELETED|TRUE-CONDITIONS; empty when there is none.
# shellcheck disable=SC2034 # likewise
readonly JOB_FACTS="{.metadata.uid}|{.metadata.namespace}|{.metadata.labels.gke-job/identity}\
|{.metadata.annotations.gke-job/manifest-hash}|{.metadata.annotations.gke-job/profile}|{.metadata.annotations.$COLLECTED_ANNOTATION}|{.metadata.deletionTimestamp}\
|{.status.conditions[?(@.status==\"True\")].type}"

# What submit-job hands on to render-job, and run-job to submit-job.
# shellcheck disable=SC2034 # likewise
readonly RENDER_OPTIONS="template values profile profile-for profiles validate kubernetes-version"

require_render_options() {
  require_options template
  require_choice validate off server offline
  [[ ! ${option[escalate]} || ${option[profile]}${option[profile_for]} ]] ||
    die "$EXIT_USAGE" "--escalate needs a profile to begin with: give --profile or --profile-for"
}

no_such_job() { # NAME
  die "$EXIT_CONFIG" "jobs.batch \"$1\" not found; see: kubectl get jobs --all-namespaces"
}

# Deletes the Job with this uid and its Pods, and waits until they are gone. Gone already, or another uid: nothing to do.
delete_job() { # NAME [UID]
  local namespace uid deletion
  request "read Job $1" get job "$1" --ignore-not-found --output jsonpath='{.metadata.namespace} {.metadata.uid}'
  read -r namespace uid <<<"$answer"
  if [[ -z $uid || ${2:-$uid} != "$uid" ]]; then
    log "Job $1${2:+ with uid $2} is already gone"
    return
  fi
  log "deleting Job $1 and its Pods; this waits until they have ended"
  prepare_deletion "$1" "$namespace" "$uid" Foreground
  request "delete Job $1" "${deletion[@]}" || true # refused: somebody else was faster
  wait_until_gone "$1" "$uid"
}

# Not by `kubectl wait`, which would wait for the end of the next Job of that name, too.
wait_until_gone() { # NAME UID
  while
    request "read Job $1" get job "$1" --ignore-not-found --output jsonpath='{.metadata.uid}'
    [[ $answer == "$2" ]]
  do
    pause 0.5
  done
}

# Fills `deletion` with the kubectl arguments that delete the Job only while it has this uid; they do not wait for it.
prepare_deletion() { # NAME NAMESPACE UID PROPAGATION-POLICY
  local options=$PRIVATE_DIR/delete-options.json
  printf '{"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "%s", "preconditions": {"uid": "%s"}}' \
    "$4" "$3" >"$options"
  # The raw call, because kubectl delete has no option for the uid.
  deletion=(delete --raw "/apis/batch/v1/namespaces/$2/jobs/$1" --filename "$options")
}
