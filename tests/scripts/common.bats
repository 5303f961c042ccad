#!/usr/bin/env bats
# What holds for every script: its help, its options, its streams.

setup() { load test_helper; }

scripts() {
  find "$REPOSITORY/scripts" -maxdepth 1 -type f ! -name '.*' -printf '%f\n' | sort
}

run_script_or_python() { # NAME ARGUMENT...
  if head -n 1 "$REPOSITORY/scripts/$1" | grep -q python; then
    run --separate-stderr "$GKE_JOB_PYTHON" "$REPOSITORY/scripts/$1" "${@:2}"
  else
    run_script "$@"
  fi
}

@test "every script prints its help to stdout, with the exit codes" {
  local script
  for script in $(scripts); do
    run_script_or_python "$script" --help
    assert_success
    assert_output --partial "Usage: $script"
    assert_output --partial 'Exit codes:'
    assert_equal "$stderr" ''
  done
}

@test "the help of every script names each option that it takes" {
  local script option known
  for script in $(scripts); do
    run_script_or_python "$script" --no-such-option
    assert_failure 64
    known=${stderr##*known are}
    known=${known%;*}
    [[ $known == " --"* ]] || fail "$script does not list its options: $stderr"
    run_script_or_python "$script" --help
    for option in $known; do
      [[ $output == *CLUSTER* && $option =~ ^--(project|location|cluster|context|namespace)$ ]] ||
        assert_output --regexp "(^|[[:space:][])${option}[] ]"
    done
  done
}

@test "every script refuses an argument that is no option: 64" {
  local script
  for script in $(scripts); do
    run_script_or_python "$script" argument
    assert_failure 64
    assert_equal "$output" ''
  done
}

@test "an option and its value may be joined by =" {
  run_script get-credentials --project=p --location=l --cluster=c=d --dry-run
  assert_success
  assert_equal "$stderr" 'get-credentials: would run: gcloud container clusters get-credentials c=d --location l --project p'
}
