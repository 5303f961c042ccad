# shellcheck shell=bash
# Reading and deleting one Job. The labels and annotations read here are set by render-job.

readonly COLLECTED_ANNOTATION=gke-job/collected

# What decides about a Job, one line: UID|IDENTITY|MANIFEST-HASH|COLLECTED|TRUE-CONDITIONS; empty when there is none.
job_facts() { # NAME
  local hash='{.metadata.annotations.gke-job/manifest-hash}' collected="{.metadata.annotations.$COLLECTED_ANNOTATION}"
  ask "read Job $1" get job "$1" --ignore-not-found --output jsonpath="{.metadata.uid}|{.metadata.labels.gke-job/identity}\
|$hash|$collected|{.status.conditions[?(@.status==\"True\")].type}"
}

# Deletes the Job with this uid and its Pods, and waits until they are gone. Gone already, or another uid: nothing to do.
delete_job() { # NAME [UID]
  local facts namespace uid deletion found
  facts=$(ask "read Job $1" get job "$1" --ignore-not-found --output jsonpath='{.metadata.namespace} {.metadata.uid}')
  read -r namespace uid <<<"$facts"
  if [[ -z $uid || ${2:-$uid} != "$uid" ]]; then
    log "Job $1${2:+ with uid $2} is already gone"
    return
  fi
  log "deleting Job $1 and its Pods; this waits until they have ended"
  prepare_deletion "$1" "$namespace" "$uid" Foreground
  ask "delete Job $1" "${deletion[@]}" >/dev/null
  # Not `kubectl wait --for=delete`: without the verb `list` it tries for ever and never says why.
  found=$uid
  while [[ $found == "$uid" ]]; do
    sleep 0.2
    found=$(ask "see whether Job $1 is gone" get job "$1" --ignore-not-found --output jsonpath='{.metadata.uid}')
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
