# shellcheck shell=bash
# Sends requests to the API server by kubectl, mostly those that change an object, and handles the errors.
#
# Globals: kubectl_options, see cluster::use; body, the standard input of kubectl; places, a file of render-job that names
# the line of the template for each field, empty for none.

readonly UNREACHABLE_SECONDS=600 # the script ends with 69 after this time without an answer
readonly LOGIN_SECONDS=10        # the script ends with 77 after this time of failed logins; as in gke_jobs/errors.py
readonly FOREVER=2000000000      # longer than any timeout
readonly HEARTBEAT_SECONDS=300   # interval between two messages about the same error

# Sends a request by kubectl. The answer is in $PRIVATE_DIR/kubectl-output. After a temporary error it retries: for
# --unreachable-timeout if the cluster does not answer (then it ends with 69), for LOGIN_SECONDS if the login fails (77), and
# for --schedule-timeout if a quota is exceeded (124), but never beyond --timeout (124). Another error ends the script with
# its exit code.
# Sets: outcome, `accepted`, or `exists`, `conflict` or `absent`, which the caller handles, or `quota` if the caller has set
# returns_quota; unanswered, `yes` if an earlier try had no answer, so that the API server may have processed it.
# Do not call it in a subshell: only the main shell handles a signal while it waits.
change::send() { # WHAT-FOR KUBECTL-ARGUMENT...
  local what_for=$1 began=$SECONDS delay=1 retry_seconds left message='' logged_at=0
  shift
  unanswered=''
  until change::try "$@"; do
    outcome=$(change::print_verdict "$what_for") ||
      die "$EXIT_INTERRUPTED" "cannot $what_for, and the reason is not known: is there free space in ${PRIVATE_DIR%/*}?"
    # shellcheck disable=SC2034 # unanswered: for the scripts
    case $outcome in
      exists | conflict | absent) return 0 ;;
      transient) unanswered=yes retry_seconds=${option[unreachable_timeout]:-$UNREACHABLE_SECONDS} ;;
      login) retry_seconds=$LOGIN_SECONDS ;;
      quota)
        [[ ! ${returns_quota-} ]] || return 0
        retry_seconds=${option[schedule_timeout]:-$FOREVER}
        ;;
      *) retry_seconds=0 ;;
    esac
    change::seconds_left
    ((left <= began + retry_seconds - SECONDS)) || left=$((began + retry_seconds - SECONDS))
    # The same error is logged once in HEARTBEAT_SECONDS.
    if [[ $(<"$PRIVATE_DIR/message") != "$message" ]] || ((left <= 0 || SECONDS - logged_at >= HEARTBEAT_SECONDS)); then
      message=$(<"$PRIVATE_DIR/message") logged_at=$SECONDS
      ((left > 0)) || message=${message/#<4>/<3>} # from warning to error, because it ends the script
      printf '%s\n' "$message" >&2
    fi
    ((left > 0)) || change::give_up "$outcome" "$what_for"
    ((delay <= left)) || delay=$left
    warn "retrying in $delay s"
    processes::pause "$delay"
    delay=$((delay < 30 ? delay * 2 : 30))
  done
  outcome=accepted
}

# Ends the script for an error that is not temporary, or that has lasted too long.
change::give_up() { # VERDICT WHAT-FOR
  [[ ! $unanswered ]] || warn "a request to $2 had no answer, so the API server may have processed it: check this with kubectl get"
  change::seconds_left
  ((left > 0)) || die "$EXIT_TIMEOUT" "cannot $2: --timeout has expired"
  [[ $1 != quota ]] || die "$EXIT_TIMEOUT" "cannot $2: the quota was exceeded for ${option[schedule_timeout]} s"
  common::exit_for "$1"
}

# Runs kubectl once, in a session of its own. A signal to the process group of the script does not end it, so the script can
# wait for the answer.
change::try() { # KUBECTL-ARGUMENT...
  local status=0 output=$PRIVATE_DIR/kubectl-output errors=$PRIVATE_DIR/errors
  if ! connection::can_write "$output" || ! connection::can_write "$errors"; then # send a deletion even if the disk is full
    rm -f -- "$output" "$errors"
    output=/dev/null errors=/dev/null
  fi
  # From level 4 on kubectl prints the Status object of an error.
  processes::start KILL setsid kubectl "${kubectl_options[@]}" --request-timeout=30s --v=4 "$@" \
    <<<"${body-}" >"$output" 2>"$errors"
  requesting=$!
  wait "$requesting" || status=$?
  requesting=''
  return "$status"
}

# Prints the verdict of explain-error about the last error of kubectl: exists, transient, login, quota, ... The message is in
# the file $PRIVATE_DIR/message.
change::print_verdict() { # WHAT-FOR
  change::print_verdict_from "$1" "$PRIVATE_DIR/errors" 2>"$PRIVATE_DIR/message"
}

# Prints the verdict about the error of kubectl in a file to stdout, and the message to stderr.
change::print_verdict_from() { # WHAT-FOR FILE
  "${COMMAND[@]}" explain-error --for "$1" --from kubectl --file "$2" ${places:+--places "$places"}
}

# Sets: left, the seconds until --timeout expires.
change::seconds_left() {
  left=$((${option[timeout]:-$FOREVER} - SECONDS))
}
