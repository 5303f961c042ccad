# shellcheck shell=bash
# gcloud, whose errors are explained like those of kubectl.

# Runs gcloud; where it fails, says why and ends the script with the exit code for it.
run_gcloud() { # WHAT-FOR COMMAND...
  local verdict=''
  try_gcloud "$@" || exit_for "$verdict"
}

# Runs gcloud; where it fails, says why and returns 1. What it prints on stdout is in $scratch/answer.
# Globals: scratch, a directory that is ours. Sets: verdict, as explain-error prints it.
try_gcloud() { # WHAT-FOR COMMAND...
  local status=0
  { printf '\n' >"$scratch/said"; } 2>/dev/null ||
    die "$EXIT_CONFIG" "cannot write to $scratch: name another place in TMPDIR"
  start KILL "${@:2}" >"$scratch/answer" 2>"$scratch/said"
  wait $! || status=$?
  ((status)) || return 0
  verdict=$("$PYTHON" "$SCRIPTS/lib/command.py" explain-error --for "$1" --from gcloud --file "$scratch/said") || true
  return 1
}
