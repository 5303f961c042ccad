# shellcheck shell=bash
# The way to a cluster: a private directory with a kubeconfig of its own, kubectl, and what its errors mean.

# The options of every script that talks to a cluster.
readonly CLUSTER_OPTIONS="project location cluster context namespace"

readonly UNREACHABLE_SECONDS=600 # without any answer, before a script gives up with 69
readonly ALREADY_EXISTS=73       # what `ask` exits with for that; no script does

# A directory of this run alone, removed when the script ends. The GKE auth plugin caches its token beside the
# kubeconfig, so a directory that two tasks share hands one task's account to the other.
make_private_dir() {
  PRIVATE_DIR=$(umask 077 && mktemp -d "${TMPDIR:-/tmp}/gke-job.XXXXXXXX")
  trap clean_up EXIT
  trap 'stop 143' TERM
  trap 'stop 130' INT
  trap 'stop 129' HUP
  # gcloud and kubectl write below HOME, and BashOperator's env= drops it.
  [[ -w ${HOME-} ]] || export HOME=$PRIVATE_DIR
}

# Ends the script for a signal; a second one does not disturb the cleaning up.
stop() { # STATUS
  trap '' TERM INT HUP
  exit "$1"
}

# Ends what runs in the background, for it may hold stdout open, and removes the private directory.
clean_up() {
  local IFS=$'\n' children
  while children=$(jobs -pr) && [[ $children ]]; do
    # shellcheck disable=SC2086 # one word a process
    kill $children 2>/dev/null || true
    sleep 0.02 # again: a child that is just being started loses the signal
  done
  rm -rf -- "$PRIVATE_DIR"
}

# Decides which cluster kubectl talks to: with --project, --location and --cluster a private kubeconfig from
# get-credentials, else --context or the current context. Call it once, after make_private_dir.
use_cluster() {
  require_tools kubectl
  kubectl_options=()
  [[ -z ${option[namespace]} ]] || kubectl_options+=(--namespace "${option[namespace]}")
  if [[ ${option[project]}${option[location]}${option[cluster]} ]]; then
    [[ -z ${option[context]} ]] ||
      die "$EXIT_USAGE" "--context and --cluster both name a cluster: give one of them"
    require_options project location cluster
    pass_on project location cluster
    export KUBECONFIG=$PRIVATE_DIR/kubeconfig
    bash "$SCRIPTS/get-credentials" "${passed_on[@]}" ${option[dry_run]:+--dry-run} --kubeconfig "$KUBECONFIG" >/dev/null
  elif [[ ${option[context]} ]]; then
    kubectl_options+=(--context "${option[context]}")
  elif [[ -z ${option[dry_run]} ]]; then
    kubectl config current-context >/dev/null 2>&1 ||
      die "$EXIT_USAGE" "no cluster is named and kubectl has no current context:" \
        "give --project, --location and --cluster, or --context"
  fi
}

current_namespace() {
  local namespace
  namespace=$(kube config view --minify --output jsonpath='{..namespace}')
  printf '%s\n' "${option[namespace]:-${namespace:-default}}"
}

kube() { # KUBECTL-ARGUMENT...
  kubectl "${kubectl_options[@]}" "$@"
}

# kubectl for one answer: its output, or the end of the script with what went wrong and the exit code for it.
# While the cluster does not answer it tries again, for --unreachable-timeout.
ask() { # WHAT-FOR KUBECTL-ARGUMENT...
  local what_for=$1 errors=$PRIVATE_DIR/kubectl.$BASHPID pause=1 status
  local deadline=$((SECONDS + ${option[unreachable_timeout]:-$UNREACHABLE_SECONDS}))
  shift
  until kube --request-timeout=30s "$@" 2>"$errors"; do
    status=0
    explain_kubectl_error "$what_for" "$errors" || status=$?
    ((status == EXIT_UNREACHABLE && SECONDS < deadline)) || exit "$status"
    log "trying again in $pause s"
    sleep "$pause"
    pause=$((pause < 30 ? pause * 2 : 30))
  done
  rm -f -- "$errors"
}

# Says in one line what kubectl's error means and what to do; returns the exit code it deserves.
explain_kubectl_error() { # WHAT-FOR ERROR-FILE
  local said
  said=$(grep -v -e '^Warning:' -e '^[EWI][0-9]\{4\} ' "$2" | tr -s '\n' ' ' || true)
  said=${said% }
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
    *'(AlreadyExists)'*) return "$ALREADY_EXISTS" ;;
    *'(NotFound)'*)
      log "cannot $1: ${said#*: }; see: kubectl get jobs --all-namespaces"
      return "$EXIT_CONFIG"
      ;;
    *'context "'*'" does not exist'* | *'context was not found'*)
      log "cannot $1: $said; see: kubectl config get-contexts"
      return "$EXIT_USAGE"
      ;;
    *' is invalid: '* | *'(BadRequest)'* | *'(Invalid)'* | *'(NotImplemented)'* | *'error validating'* | *'error parsing'*)
      log "cannot $1: the manifest was refused: $said; correct the template or its values"
      return "$EXIT_DATA"
      ;;
    *)
      log "cannot $1: the cluster did not answer as expected: $said"
      return "$EXIT_UNREACHABLE"
      ;;
  esac
}
