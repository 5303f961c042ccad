# shellcheck shell=bash
# How follow-job, poll-job and run-job ask the API server, until they read over the connection. Nothing new uses this.
readonly REFUSED=73 # what `request` returns for it; no script exits with it

kube() { # KUBECTL-ARGUMENT...
  kubectl "${kubectl_options[@]}" "$@"
}

# Asks the API server for one thing, by kubectl: the first line of the answer is in `answer`, all of it in the file
# $PRIVATE_DIR/answer. While the cluster does not answer it tries again, for --unreachable-timeout. Returns REFUSED when
# the object is there already, is another one, or is gone. What else goes wrong ends the script, with the exit code for
# it. Not for a subshell: a signal is to be handled while it waits.
request() { # WHAT-FOR KUBECTL-ARGUMENT...
  local what_for=$1 delay=1 deadline=$((SECONDS + ${option[unreachable_timeout]:-$UNREACHABLE_SECONDS})) status IFS=''
  shift
  until try "$@"; do
    status=0
    explain_kubectl_error "$what_for" "$PRIVATE_DIR/errors" || status=$?
    ((status != REFUSED)) || return "$REFUSED"
    ((status == EXIT_UNREACHABLE && SECONDS < deadline)) || exit "$status"
    log "trying again in $delay s"
    pause "$delay"
    delay=$((delay < 30 ? delay * 2 : 30))
  done
  # shellcheck disable=SC2034 # for the scripts
  read -r answer <"$PRIVATE_DIR/answer" || true
}

# One request, once. In a session of its own: a signal to our process group leaves it to us whether it is broken off.
try() { # KUBECTL-ARGUMENT...
  local status=0
  start KILL setsid kubectl "${kubectl_options[@]}" --request-timeout=30s "$@" \
    </dev/null >"$PRIVATE_DIR/answer" 2>"$PRIVATE_DIR/errors"
  requesting=$!
  wait "$requesting" || status=$?
  requesting=''
  return "$status"
}

# Which lines of the template say what is refused, for the end of a message; `places` is the file of render-job --places.
where_said() { # MESSAGE
  [[ ${places-} ]] || return 0
  local found
  found=$("$PYTHON" "$SCRIPTS/lib/command.py" places "$places" <<<"$1") || true
  printf '%s' "${found:+: $found}"
}

# Says in one line what kubectl's error means and what to do; returns the exit code it deserves.
explain_kubectl_error() { # WHAT-FOR ERROR-FILE
  local said
  said=$(grep -v -e '^Warning:' -e '^[EWI][0-9]\{4\} ' "$2" | tr -s '\n' ' ' || true)
  said=${said% }
  # The manifest was not looked at: what it is to be checked against was not to be had.
  said=${said#*error validating data: failed to download openapi: } said=${said%; if you choose to ignore these errors*}
  case $said in
    *'(Forbidden)'* | *' is forbidden: '*)
      log "cannot $1: permission denied: ${said#*: }; ask for a Role with that verb in that namespace"
      return "$EXIT_DENIED"
      ;;
    *'(Unauthorized)'* | *'You must be logged in'* | *'provide credentials'* | *'gke-gcloud-auth-plugin failed'*)
      log "cannot $1: not logged in: $said; try: gcloud auth login, then get credentials anew"
      return "$EXIT_DENIED"
      ;;
    *'gke-gcloud-auth-plugin not found'*)
      log "cannot $1: gke-gcloud-auth-plugin is not on PATH: gcloud components install gke-gcloud-auth-plugin"
      return "$EXIT_CONFIG"
      ;;
    *'namespaces "'*'" not found'*)
      said=${said##*namespaces \"}
      log "cannot $1: namespace ${said%%\"*} does not exist on this cluster: create it, or give another --namespace"
      return "$EXIT_CONFIG"
      ;;
    *'(AlreadyExists)'* | *'(Conflict)'* | *'(NotFound)'*) return "$REFUSED" ;;
    *'context "'*'" does not exist'* | *'context was not found'*)
      log "cannot $1: $said; see: kubectl config get-contexts"
      return "$EXIT_USAGE"
      ;;
    *' is invalid: '* | *'(BadRequest)'* | *'(Invalid)'* | *'(NotImplemented)'* | *'error validating'* | *'error parsing'*)
      log "cannot $1: the manifest was refused: $said; correct the template or its values$(where_said "$said")"
      return "$EXIT_DATA"
      ;;
    *)
      log "cannot $1: the cluster did not answer as expected: $said"
      return "$EXIT_UNREACHABLE"
      ;;
  esac
}
