# shellcheck shell=bash
# gcloud, whose errors are explained like those of kubectl.

# Runs gcloud; where it fails, says why and ends the script with the exit code for it. What it prints on stdout is in
# $scratch/answer.
# Globals: scratch, a directory that is ours.
run_gcloud() { # WHAT-FOR COMMAND...
  local status=0 verdict=''
  { printf '\n' >"$scratch/said"; } 2>/dev/null ||
    die "$EXIT_CONFIG" "cannot write to $scratch: name another place in TMPDIR"
  start KILL "${@:2}" >"$scratch/answer" 2>"$scratch/said"
  wait $! || status=$?
  ((status)) || return 0
  verdict=$("$PYTHON" "$SCRIPTS/lib/command.py" explain-error --for "$1" --from gcloud --file "$scratch/said") || true
  exit_for "$verdict"
}
