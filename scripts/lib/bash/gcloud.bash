# shellcheck shell=bash
# gcloud, whose errors are explained like those of kubectl.

# Runs gcloud; where it fails, says why and ends the script with the exit code for it.
gcloud::run() { # WHAT-FOR COMMAND...
  local verdict=''
  gcloud::try 0 "$@" || common::exit_for "$verdict"
}

# Runs gcloud, for so many seconds at most, 0 for no limit; where it fails, says why and returns 1. What it prints on stdout is in $scratch/answer.
# Globals: scratch, a directory that is ours. Sets: verdict, as explain-error prints it.
gcloud::try() { # SECONDS WHAT-FOR COMMAND...
  local status=0
  { printf '\n' >"$scratch/said"; } 2>/dev/null ||
    die "$EXIT_CONFIG" "cannot write to $scratch: name another place in TMPDIR"
  processes::start_within "$1" "${@:3}" >"$scratch/answer" 2>"$scratch/said"
  wait $! || status=$?
  ((status)) || return 0
  ((status != 124)) || printf 'no answer within %s s\n' "$1" >"$scratch/said"
  verdict=$("$PYTHON" "$SCRIPTS/lib/command.py" explain-error --for "$2" --from gcloud --file "$scratch/said") || true
  return 1
}
