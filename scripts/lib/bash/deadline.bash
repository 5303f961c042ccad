# shellcheck shell=bash
# Runs commands of an interrupted script, which must end within three seconds, or EXTENSION_SECONDS later if a Job may remain.
#
# Globals: interrupted_at, the time of the interruption in milliseconds since the epoch (common.bash); empty before it. extension,
# the seconds by which all limits are extended.

readonly EXTENSION_SECONDS=10

extension=0

deadline::begin() {
  interrupted_at=$(date +%s%3N)
}

# Extends all limits.
deadline::extend() {
  extension=$EXTENSION_SECONDS
}

# Runs a command, and kills it MILLISECONDS after deadline::begin was called. Returns 1 when that time has passed.
deadline::run() { # MILLISECONDS COMMAND...
  local left=$((interrupted_at + $1 + extension * 1000 - $(date +%s%3N)))
  ((left > 0)) || return 1
  timeout --signal=KILL "$((left / 1000)).$(printf '%03d' $((left % 1000)))" "${@:2}"
}

# Runs kubectl, and kills it MILLISECONDS after deadline::begin was called.
deadline::kubectl() { # MILLISECONDS KUBECTL-ARGUMENT...
  deadline::run "$1" kubectl "${kubectl_options[@]}" "${@:2}" 2>/dev/null
}
