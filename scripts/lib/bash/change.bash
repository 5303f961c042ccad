# shellcheck shell=bash
# Writes to the API server, by kubectl, and what its errors mean.
#
# Globals: kubectl_options, see cluster::use; body, the standard input of kubectl; places, a file of render-job that names
# the line of the template for each field, empty for none.

readonly UNREACHABLE_SECONDS=600 # without any answer; then the script ends with 69
readonly LOGIN_SECONDS=10        # of failing logins; then the script ends with 77; as in gke_jobs/errors.py
readonly FOREVER=2000000000      # longer than any timeout
readonly HEARTBEAT_SECONDS=300   # interval between two messages about the same

# Sends a write by kubectl. The answer is in $PRIVATE_DIR/changed. It retries after a temporary error: for
# --unreachable-timeout when the cluster does not answer, then 69; for LOGIN_SECONDS when the login fails, then 77; for
# --schedule-timeout when a quota is used up, then 124; and never beyond --timeout, then 124. Another error ends the script
# with its exit code.
# Sets: outcome, `changed`, or `exists`, `conflict` or `absent`, which the caller handles; unanswered, `yes` when an earlier
# try may have been carried out, because it had no answer.
# It must not run in a subshell: only the shell itself handles a signal while it waits.
change::send() { # WHAT-FOR KUBECTL-ARGUMENT...
  local what_for=$1 began=$SECONDS delay=1 patience left said='' logged_at=0
  shift
  unanswered=''
  until change::try "$@"; do
    outcome=$(change::explain "$what_for") ||
      die "$EXIT_INTERRUPTED" "cannot $what_for, and the reason is not known: is there free space in ${PRIVATE_DIR%/*}?"
    # shellcheck disable=SC2034 # unanswered: for the scripts
    case $outcome in
      exists | conflict | absent) return 0 ;;
      transient) unanswered=yes patience=${option[unreachable_timeout]:-$UNREACHABLE_SECONDS} ;;
      login) patience=$LOGIN_SECONDS ;;
      quota) patience=${option[schedule_timeout]:-$FOREVER} ;;
      *) patience=0 ;;
    esac
    change::seconds_left
    ((left <= began + patience - SECONDS)) || left=$((began + patience - SECONDS))
    # The same error is logged once in HEARTBEAT_SECONDS.
    if [[ $(<"$PRIVATE_DIR/said") != "$said" ]] || ((left <= 0 || SECONDS - logged_at >= HEARTBEAT_SECONDS)); then
      said=$(<"$PRIVATE_DIR/said") logged_at=$SECONDS
      ((left > 0)) || said=${said/#<4>/<3>} # the error that ends the script
      printf '%s\n' "$said" >&2
    fi
    ((left > 0)) || change::give_up "$outcome" "$what_for"
    ((delay <= left)) || delay=$left
    warn "retrying in $delay s"
    processes::pause "$delay"
    delay=$((delay < 30 ? delay * 2 : 30))
  done
  outcome=changed
}

# Ends the script for an error that is not temporary, or that has lasted too long.
change::give_up() { # VERDICT WHAT-FOR
  change::seconds_left
  ((left > 0)) || die "$EXIT_TIMEOUT" "cannot $2: --timeout has expired"
  [[ $1 != quota ]] || die "$EXIT_TIMEOUT" "cannot $2: the quota was exceeded for ${option[schedule_timeout]} s"
  common::exit_for "$1"
}

# Runs kubectl once. It runs in a session of its own: after a signal to the process group, the script decides whether to
# wait for the answer.
change::try() { # KUBECTL-ARGUMENT...
  local status=0 output=$PRIVATE_DIR/changed errors=$PRIVATE_DIR/errors
  if ! connection::has_room "$output" || ! connection::has_room "$errors"; then # a deletion is sent all the same
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

# Prints the verdict about the last error of kubectl. The message is in the file $PRIVATE_DIR/said.
change::explain() { # WHAT-FOR
  change::explain_kubectl "$1" "$PRIVATE_DIR/errors" 2>"$PRIVATE_DIR/said"
}

# Prints the verdict about an error of kubectl to stdout, and the message to stderr.
change::explain_kubectl() { # WHAT-FOR FILE
  "${COMMAND[@]}" explain-error --for "$1" --from kubectl --file "$2" ${places:+--places "$places"}
}

# Sets: left, the seconds until --timeout has passed.
change::seconds_left() {
  left=$((${option[timeout]:-$FOREVER} - SECONDS))
}
