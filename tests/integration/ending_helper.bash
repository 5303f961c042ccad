# shellcheck shell=bash disable=SC2154 # stderr is set by run_script
# What the tests of the end of a run share: loaded after test_helper.

run_job() { # NAME SHELL-COMMAND [OPTION...]
  run_script run-job --template batch-job --values "$(values_file "$2")" --name "$1" "${@:3}"
}

# Submits a Job, and waits until its Pod runs: what --timeout of a run for it must not count.
start_sleeping() { # NAME [OPTION...] -> uid
  run_script submit-job --template batch-job --values "$(values_file 'sleep 600')" --name "$1" "${@:2}"
  submitted
  wait_until sh -c "kubectl get pods --selector job-name=$1 | grep --quiet Running"
}

# A field of the summary in $stderr, of which there is one.
summary() { # EXPRESSION-OF-PYTHON
  "$GKE_JOB_PYTHON" -c '
import json, sys
(line,) = [line for line in sys.argv[1].splitlines() if line.startswith("gke-job-summary: ")]
found = json.loads(line.partition(" ")[2])
print(eval(sys.argv[2], found))' "$stderr" "$1"
}

# From now on the cluster is reached through a proxy that breaks things.
use_faults() {
  source "$REPOSITORY/tests/dev/faults/faults.bash"
  start_proxy
}

has_struck() {
  (($(requests struck) > 0))
}
