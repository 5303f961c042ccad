# shellcheck shell=bash
# Runs gcloud, and translates its errors into exit codes.

# Runs gcloud. When it fails, logs the reason and ends the script with the exit code for it.
gcloud::run() { # WHAT-FOR COMMAND...
  local verdict=''
  gcloud::try 0 "$@" || common::exit_for "$verdict"
}

# Runs gcloud for at most SECONDS, 0 for no limit. Its stdout is in $scratch/answer. When it fails, logs the reason and
# returns 1.
# Globals: scratch, the temporary directory of the script. Sets: verdict, the word that explain-error prints.
gcloud::try() { # SECONDS WHAT-FOR COMMAND...
  local status=0 word previous='' group=''
  # The command group of gcloud: container, composer or storage.
  for word in "${@:3}"; do
    [[ $group || $previous != gcloud ]] || group=$word
    previous=$word
  done
  { printf '\n' >"$scratch/errors"; } 2>/dev/null ||
    die "$EXIT_CONFIG" "cannot write to $scratch: set TMPDIR to another directory"
  processes::start_within "$1" "${@:3}" >"$scratch/answer" 2>"$scratch/errors"
  wait $! || status=$?
  ((status)) || return 0
  ((status != 124)) || printf 'no answer within %s s\n' "$1" >"$scratch/errors"
  verdict=$("$PYTHON" "$SCRIPTS/lib/command.py" explain-error --for "$2" --from gcloud --group "$group" \
    --file "$scratch/errors") || true
  return 1
}
