# shellcheck shell=bash
# Runs commands of an interrupted script. It must name its Job within three seconds, because Airflow 3 kills a task 5 s after
# SIGTERM. Then the script continues without its task, and has EXTENSION_SECONDS more for the rest.
#
# Globals: interrupted_at, when the limits began, in milliseconds since the epoch (common.bash); empty before an interruption.
# extension, the seconds by which the limits are longer.

readonly EXTENSION_SECONDS=10

extension=0

deadline::begin() {
  interrupted_at=$(date +%s%3N)
}

# Lets all limits begin again, and be longer.
deadline::extend() {
  deadline::begin
  extension=$EXTENSION_SECONDS
}

# Runs a command, and kills it MILLISECONDS after the limits began. Returns 1 when that time has passed.
deadline::run() { # MILLISECONDS COMMAND...
  local left=$((interrupted_at + $1 + extension * 1000 - $(date +%s%3N)))
  ((left > 0)) || return 1
  timeout --signal=KILL "$((left / 1000)).$(printf '%03d' $((left % 1000)))" "${@:2}"
}

# Runs kubectl, and kills it MILLISECONDS after the limits began.
deadline::kubectl() { # MILLISECONDS KUBECTL-ARGUMENT...
  deadline::run "$1" kubectl "${kubectl_options[@]}" "${@:2}" 2>/dev/null
}
