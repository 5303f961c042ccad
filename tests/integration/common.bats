#!/usr/bin/env bats
# Tests of every script: help, options, streams.

setup() { load test_helper; }

scripts() {
  find "$REPOSITORY/scripts" -maxdepth 1 -type f ! -name '.*' ! -name VERSION ! -name '*.md' -printf '%f\n' | sort
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

@test "an option with an empty value is refused, and not ignored: 64" {
  run_script list-jobs --namespace ''
  assert_one_error 64 "option --namespace has an empty value: set the variable that it comes from, or leave the option out"
  run_script deploy-dags --bucket gs://bucket --use=
  assert_one_error 64 "option --use has an empty value"
}

@test "every script refuses an argument that is not an option: 64" {
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

@test "S10: a name that begins with a dash is never passed to a program as an option: 64" {
  local name
  for name in job namespace cluster project location context uid; do
    run_script delete-job --job x "--$name=--raw=/x"
    assert_one_error 64 "^delete-job: option --$name is '--raw=/x': a name does not begin with a dash"
  done
  run_script submit-job --template --raw=/x
  assert_one_error 64 "option --template is '--raw=/x': a name does not begin with a dash"
}

@test "S10: an invalid Kubernetes name is refused: 64" {
  run_script delete-job --job 'x/../../secrets'
  assert_one_error 64 "option --job is 'x/../../secrets': it must be the name of a Kubernetes object"
  run_script list-jobs --namespace 'a b'
  assert_one_error 64 "option --namespace is 'a b': it must be the name of a Kubernetes object"
  run_script delete-job --namespace $'a\nb\e'
  assert_one_error 64 "option --namespace is [$]'a\\\\nb\\\\E': it must be the name of a Kubernetes object"
  run_script delete-job --$'no\nsuch' x
  assert_one_error 64 "unknown option [$]'--no\\\\nsuch': the options are"
  run_script delete-job $'no\noption'
  assert_one_error 64 "unexpected argument [$]'no\\\\noption': every"
  run_script delete-job --job x --uid 'x["y"]'
  assert_one_error 64 'option --uid is .*: it must be the uid of a Job'
}

@test "a number that is too large for Bash is refused: 64" {
  run_script list-jobs --unreachable-timeout 99999999999999999999
  assert_one_error 64 'it must be a whole number of seconds above 0, of at most 9 digits'
}

@test "exported shell options of the user have no effect" {
  set -o noclobber -o noglob -o posix
  export SHELLOPTS
  run_script get-credentials --project p --location l --cluster c --dry-run
  assert_success
}

@test "an exported shell function of the user replaces no command" {
  kubectl() { echo "a function of the user"; }
  main() { echo "a function of the user"; }
  sed() { echo "a function of the user"; }
  export -f kubectl main sed
  run_script poll-job --job nowhere --dry-run
  assert_success
  assert_regex "$stderr" '^poll-job: would run: kubectl'
  run_script poll-job --help
  assert_output --partial 'Usage: poll-job'
}

@test "too few file descriptors are a configuration error: 78" {
  local limit
  for limit in 8 10 12 14; do
    run bash -c 'ulimit -n "$1" && exec bash "$2/scripts/run-job" --template batch-job' shell "$limit" "$REPOSITORY"
    assert_failure 78
  done
}

# Sources the library, and prints the arguments of a raw request to /api/v1, for a server URL and the name in its certificate.
raw_words() { # SERVER TLS-NAME
  run bash -c 'source "$1/scripts/lib/bash/common.bash"
    source "$SCRIPTS/lib/bash/cluster.bash"
    GKE_JOB_SERVER=$2 GKE_JOB_TLS_NAME=$3
    connection::raw_request /api/v1
    printf "[%s]" "${raw[@]}"' shell "$REPOSITORY" "$1" "$2"
}

@test "a raw request to a server URL with a path uses the URL without it, and the certificate's name" {
  raw_words https://host:443 name
  assert_output '[--raw][/api/v1]'
  raw_words '' ''
  assert_output '[--raw][/api/v1]'
  raw_words https://host/ name
  assert_output '[--server][https://host][--tls-server-name][name][--raw][/api/v1]'
  raw_words https://host:443/a/b/ ''
  assert_output '[--server][https://host:443][--tls-server-name][][--raw][/a/b/api/v1]'
  raw_words https://host//a//b ''
  assert_output '[--server][https://host][--tls-server-name][][--raw][/a/b/api/v1]'
  raw_words 'https://host/a?x=1/2#y/z' ''
  assert_output '[--server][https://host][--tls-server-name][][--raw][/a/api/v1]'
  raw_words 'https://host/a#b' ''
  assert_output '[--server][https://host][--tls-server-name][][--raw][/a%23b/api/v1]'
  raw_words 'https://host?x=/a' ''
  assert_output '[--raw][/api/v1]'
  raw_words host/a ''
  assert_output '[--server][host][--tls-server-name][][--raw][/a/api/v1]'
}
