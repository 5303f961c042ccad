#!/usr/bin/env bats
# The command line of render-job: options, exit codes, stdout and stderr. tests/unit/templates tests the manifests.
# It is longer than 300 lines, because it has a case for each option and each error of one script.

setup() {
  load test_helper
  cd "$BATS_TEST_TMPDIR" || exit
  unset AIRFLOW_CTX_DAG_ID GKE_JOB_VALUES
  unset -v "${!COMPOSER_@}" "${!GKE_JOB_A@}"
  export USER=ada
  python=${GKE_JOB_PYTHON:-python3}
  printf '{"image": "busybox"}' >values.json
}

render_job() { # OPTION...
  run --separate-stderr "$python" "$REPOSITORY/scripts/render-job" "$@"
}

# Writes a Job template to ./mine.yaml.j2 whose container is the given YAML.
write_template() { # CONTAINER
  printf '%s\n' 'apiVersion: batch/v1' 'kind: Job' 'spec: {template: {spec: {containers: [' "$1" ']}}}' >mine.yaml.j2
}

@test "prints a manifest that kubectl accepts, and nothing on stderr" {
  render_job --template batch-job --values values.json --profile highmem-spot --namespace ml
  assert_success
  assert_equal "$stderr" ''
  run kubectl label --local --filename - --output 'jsonpath={.metadata.namespace} {.metadata.name} {.kind}' a=b <<<"$output"
  assert_output 'ml batch-job-ada Job'
}

@test "values come from a file, from standard input or from the environment" {
  render_job --template batch-job --values values.json --name j
  expected=$output
  run --separate-stderr "$python" "$REPOSITORY/scripts/render-job" --template batch-job --values - --name j <values.json
  assert_output "$expected"
  GKE_JOB_VALUES='{"image": "busybox"}' render_job --template batch-job --name j
  assert_output "$expected"
}

@test "--set overrides values of the file, with text or, if marked, with JSON" {
  render_job --template batch-job --values values.json --set image=1e3 --set env.SEED=1 --set args:='["a"]' --set args.1=b=c \
    --set retries:=0 --name j
  assert_success
  assert_line '          image: "1e3"'
  assert_line '            - name: "SEED"'
  assert_line '            - "b=c"'
  assert_line '  backoffLimit: 0'
}

@test "a --set without a path, or with a path that does not fit, is refused" {
  for setting in image = 'a..b=' ':='; do
    render_job --template batch-job --set "${setting/%=/=hush}"
    assert_one_error 64 "^render-job: --set is '${setting/%=/=...}', not PATH=TEXT or PATH:=JSON; write e.g. image=busybox$"
  done
  local what='(the list has no index 2|the parent of x is|a new list begins).*; (use index|use an index|set) '
  for setting in 'image.x=hush' 'args.2=hush' 'command.1=hush'; do
    render_job --template batch-job --values values.json --set 'args:=["a"]' --set "$setting"
    assert_one_error 65 "^render-job: --set ${setting%%=*}: $what"
    refute_regex "$stderr" hush
  done
  render_job --template batch-job --values values.json --set retries:=hush
  assert_one_error 65 '^render-job: value of --set retries:= is not JSON: Expecting value: .*; write retries=TEXT for text'
  refute_regex "$stderr" hush
}

@test "every wrong value has a line on stderr" {
  echo '{"image": "busybox", "retires": 1, "scratch": "10 GB", "container": {"name": "x"}}' >values.json
  render_job --template batch-job --values values.json
  assert_failure 65
  assert_equal "$output" ''
  assert_equal "${#stderr_lines[@]}" 3
  assert_regex "${stderr_lines[0]}" '^render-job: batch-job.yaml.j2: values.retires is unknown \(did you mean retries\?\); see'
  assert_regex "${stderr_lines[1]}" \
    "^render-job: batch-job.yaml.j2: values.scratch must be a quantity, e.g. 500m or 12Gi, not '10 GB'; "
  assert_regex "${stderr_lines[2]}" '^render-job: batch-job.yaml.j2: values.container.name cannot be set '
}

@test "a values file may name its schema, also beside a manifest in JSON" {
  printf '{"%s": "batch-job.schema.json", "image": "busybox"}' "\$schema" >values.json
  render_job --template batch-job --values values.json
  assert_success
  refute_output --partial schema
  printf '{"%s": "job.schema.json", "apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {}}}}' \
    "\$schema" >job.json
  printf '{"%s": "batch-job.schema.json"}' "\$schema" >values.json
  render_job --template ./job.json --values values.json
  assert_success
  refute_output --partial schema
}

@test "--show-values prints the values, except those with a sensitive name" {
  render_job --show-values --values values.json --set env.API_KEY=hush --set 'auth.password:=["hush"]' \
    --set 'list:=[{"name": "db-token", "value": "hush"}]' --set note=kept
  assert_success
  refute_output --partial hush
  assert_line '  "note": "kept"'
  assert_line --partial '"API_KEY": "***"'
  assert_line --partial '"password": "***"'
  assert_line --partial '"value": "***"'
}

@test "the profile comes from the table, by name or by size, or from a file of the team" {
  render_job --template batch-job --values values.json --profile-for bytes=1
  assert_line '    gke-job/profile: "cpu-small"'
  echo 'profiles: {mine: {node_selector: {pool: mine}}}' >team.yaml
  render_job --template batch-job --values values.json --profiles team.yaml --profile mine
  assert_line '        pool: "mine"'
}

@test "the profile depends on the end of the last attempt" {
  echo '{"profile": "cpu-small", "oom": true, "escalate": true}' >last.json
  render_job --template batch-job --values values.json --profile cpu-small --last-attempt last.json
  assert_line '    gke-job/profile: "cpu-large"'
  echo '{"profile": "cpu-large", "lost": 2, "escalate": true}' >last.json
  render_job --template batch-job --values values.json --profile cpu-small --last-attempt last.json
  assert_line '    gke-job/profile: "cpu-large"'
  assert_line '    gke-job/lost-attempts: "2"'
  echo '{"profile": "cpu-large-spot", "lost": 2, "fallback": true}' >last.json
  render_job --template batch-job --values values.json --profile cpu-large-spot --last-attempt last.json
  assert_line '    gke-job/profile: "cpu-large"'
  refute_line --partial 'gke-job/lost-attempts'
  local what='cannot read the last attempt' fix='let submit-job write it'
  echo '{"profil": 1}' >last.json
  render_job --template batch-job --values values.json --profile cpu-small --last-attempt last.json
  assert_one_error 64 "^render-job: last.json: $what: it is not a JSON object with profile, oom, .*; $fix$"
  render_job --template batch-job --values values.json --profile cpu-small --last-attempt none.json
  assert_one_error 64 "^render-job: none.json: $what: No such file or directory; $fix$"
  echo '{"profile": ["x"], "lost": 1}' >last.json
  render_job --template batch-job --values values.json --profile cpu-small --last-attempt last.json
  assert_one_error 64 "^render-job: last.json: $what: profile is \['x'\]; $fix$"
}

@test "a profile by name and by size is a usage error" {
  render_job --template batch-job --values values.json --profile cpu-small --profile-for bytes=1
  assert_one_error 64 '^render-job: --profile and --profile-for both choose a profile; give one of them$'
}

@test "--validate offline refuses unknown fields, with the line of the template" {
  local main='spec.template.spec.containers\[0\]'
  write_template '{name: main, imagge: x}'
  render_job --template ./mine.yaml.j2 --validate offline
  assert_one_error 65 \
    "^render-job: invalid Job of Kubernetes 1.*: $main: .*'imagge' was unexpected.*; .*: $main is in mine.yaml.j2 line 4$"
  render_job --template batch-job --values values.json --validate offline --kubernetes-version 1.33
  assert_success
}

@test "--validate offline refuses a version without a schema" {
  render_job --template batch-job --values values.json --validate offline --kubernetes-version 9.9
  assert_one_error 64 '^render-job: kubernetes-validate [0-9.]+ has no schema of Kubernetes 9.9; use a version up to 1\.'
}

@test "--validate offline without its package names the package to install" {
  mkdir -p bare
  printf 'raise ModuleNotFoundError("hidden", name="kubernetes_validate")\n' >bare/kubernetes_validate.py
  PYTHONPATH=bare render_job --template batch-job --values values.json --validate offline
  local fix='install kubernetes-validate for this Python, or use a cluster: submit-job'
  assert_one_error 78 "^render-job: cannot validate offline: .* has no module kubernetes_validate; $fix"
}

@test "--validate server is refused, and the error names submit-job" {
  render_job --template batch-job --values values.json --validate server
  assert_one_error 64 "^render-job: option --validate is 'server', which needs a cluster: submit-job --dry-run --validate"
  render_job --template batch-job --values values.json --validate client
  assert_one_error 64 "^render-job: option --validate is 'client': it must be one of off, offline; see"
}

@test "under Airflow the Job is named and annotated after the task instance" {
  AIRFLOW_CTX_DAG_ID=train AIRFLOW_CTX_TASK_ID=fit AIRFLOW_CTX_DAG_RUN_ID=r1 AIRFLOW_CTX_TRY_NUMBER=2 \
    GKE_JOB_MAP_INDEX=7 GKE_JOB_AIRFLOW_ENVIRONMENT=prod render_job --template batch-job --values values.json
  assert_success
  assert_line --regexp '^  name: "train-fit-[0-9a-f]{8}"$'
  assert_line '    gke-job/airflow-environment: "prod"'
  assert_line '    gke-job/run-id: "r1"'
  assert_line '    gke-job/map-index: "7"'
  assert_line '    gke-job/try-number: "2"'
}

@test "D2: a DAG id that begins with a digit names a distributed Job and its Service" {
  AIRFLOW_CTX_DAG_ID=2026_churn AIRFLOW_CTX_TASK_ID=fit render_job --template distributed-job \
    --values - <<<'{"image": "busybox", "nodes": 2}'
  assert_success
  assert_line --regexp '^  name: "job-2026-churn-fit-[0-9a-f]{8}"$'
}

@test "a hostile value stays one argument" {
  # shellcheck disable=SC2016 # the dollar sign is part of the test
  printf '%s' '{"image": "busybox", "args": ["\"]\n---\nkind: Secret {{ 7*7 }} $(HOME) # \u2028"]}' >hostile.json
  render_job --template batch-job --values hostile.json
  assert_success
  run kubectl label --local --filename - --output 'jsonpath={.spec.template.spec.containers[*].args}' a=b <<<"$output"
  # shellcheck disable=SC2016 # the dollar sign is part of the test
  assert_output '["\"]\n---\nkind: Secret {{ 7*7 }} $$(HOME) # \u2028"]'
}

@test "a custom template is named by its path, and is found from any directory" {
  write_template '{name: "{{ values.image }}"}'
  render_job --template ./mine.yaml.j2 --values values.json
  assert_line '        - name: "busybox"'
}

@test "a Job in plain YAML without Jinja is a template" {
  cat >job.yaml <<'END'
apiVersion: batch/v1
kind: Job
metadata: {name: theirs, labels: {team: a}}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "busybox:1.37", command: [sh, -c, "echo $(HOME) 100%"]}]
END
  render_job --template ./job.yaml --name mine
  assert_success
  assert_line '  name: "mine"'
  assert_line '    team: "a"'
  # shellcheck disable=SC2016 # a reference, for Kubernetes
  assert_line '            - "echo $(HOME) 100%"'
}

@test "owned objects follow the Job as separate documents" {
  echo '{"image": "busybox", "items": [1, 2]}' >values.json
  render_job --template indexed-job --values values.json --name mine
  assert_success
  run grep --extended-regexp '^(---|kind)' <<<"$output"
  assert_output $'kind: "Job"\n---\nkind: "ConfigMap"'
}

@test "runs from a copied directory, without run bits and HOME, and leaves nothing there" {
  mkdir copy
  cp -R "$REPOSITORY/scripts" "$REPOSITORY/templates" copy
  find copy -name __pycache__ -prune -exec rm -rf {} +
  find copy -type f -exec chmod 444 {} +
  before=$(find copy | sort)
  run --separate-stderr env -i PATH="$PATH" "$python" copy/scripts/render-job --template batch-job --values values.json
  assert_success
  assert_equal "$stderr" ''
  assert_equal "$(find copy | sort)" "$before"
}

@test "--help explains every option on stdout" {
  render_job --help
  assert_success
  assert_equal "$stderr" ''
  for option in template values set show-values profile profile-for profiles last-attempt name namespace validate \
    kubernetes-version places help; do assert_output --partial "  --$option "; done
}

@test "an unknown option is a usage error" {
  render_job --template batch-job --sets a=b
  assert_one_error 64 '^render-job: unknown option --sets: the options are --template --values .* --set --show-values; see render-job --help$'
}

@test "an option without its value is a usage error" {
  render_job --template
  assert_one_error 64 '^render-job: argument --template: expected one argument; '
}

@test "a missing --template is a usage error" {
  render_job
  assert_one_error 64 '^render-job: option --template is missing: write --template VALUE; '
}

@test "an abbreviated option is refused" {
  render_job --template batch-job --prof highmem
  assert_one_error 64 'unknown option --prof: the options are'
}

@test "the error for an unknown template lists the known ones" {
  render_job --template batch-jop
  assert_one_error 66 '^render-job: template batch-jop not found; use one of: .*batch-job.*, or a path with a slash'
}

@test "an undefined value is named with the template and its line" {
  write_template '{name: main, image: {{ values.immage }}}'
  echo '{}' >values.json
  render_job --template ./mine.yaml.j2 --values values.json
  assert_one_error 65 '^render-job: mine.yaml.j2 line 4: values.immage is undefined; give a value or'
}

@test "values that are not JSON are refused with the position in the file" {
  echo '{"image": }' >values.json
  render_job --template batch-job --values values.json
  assert_one_error 65 '^render-job: values.json: values are not JSON: Expecting value: line 1 column 11 .*; correct it$'
}

@test "values that are not a JSON object are refused" {
  echo '[1]' >values.json
  render_job --template batch-job --values values.json
  assert_one_error 65 '^render-job: values.json: values are not a JSON object; '
}

@test "a missing values file is named" {
  render_job --template batch-job --values nowhere.json
  assert_one_error 65 '^render-job: nowhere.json: cannot read the values: No such file or directory; name a JSON file$'
}

@test "the error for an unknown profile lists the known ones" {
  render_job --template batch-job --values values.json --profile huge
  assert_one_error 65 "^render-job: unknown profile 'huge'; use one of: cpu-small, "
}

@test "a name that is not a DNS label is refused" {
  render_job --template batch-job --values values.json --name My_Job
  assert_one_error 65 "^render-job: Job name 'My_Job' is not a DNS-1123 label; use at most 50 "
}

@test "a namespace that is not a DNS label is refused" {
  render_job --template batch-job --values values.json --namespace My_Space
  assert_one_error 65 "^render-job: namespace 'My_Space' is not a DNS-1123 label; "
}

@test "text that is not YAML after rendering is refused with the line of the template" {
  write_template '{name: [main}'
  render_job --template ./mine.yaml.j2
  assert_one_error 65 '^render-job: mine.yaml.j2 line 4: invalid YAML: .*; correct it$'
}

@test "a document that is not a Job is refused" {
  printf 'apiVersion: v1\nkind: Pod\n' >mine.yaml.j2
  render_job --template ./mine.yaml.j2
  assert_one_error 65 \
    '^render-job: mine.yaml.j2: manifest has no Job, but v1 Pod; write one object of kind Job and apiVersion batch/v1$'
}

@test "a manifest without a document is refused" {
  echo '# nothing' >mine.yaml.j2
  render_job --template ./mine.yaml.j2
  assert_one_error 65 \
    '^render-job: mine.yaml.j2: manifest has no Job, but nothing; write one object of kind Job and apiVersion batch/v1$'
}

@test "a manifest with several Jobs is refused" {
  printf '%s\n' 'apiVersion: batch/v1' 'kind: Job' --- 'apiVersion: batch/v1' 'kind: Job' >mine.yaml.j2
  render_job --template ./mine.yaml.j2
  assert_one_error 65 '^render-job: mine.yaml.j2: manifest has 2 Jobs; write one object of kind Job'
}

@test "GKE_JOB_PYTHON may be a wrapper of another Python" {
  printf '#!/bin/sh\nexec %q "$@"\n' "$python" >wrapper
  chmod +x wrapper
  GKE_JOB_PYTHON=$PWD/wrapper run --separate-stderr timeout 120 "$python" "$REPOSITORY/scripts/render-job" --template batch-job --set image=x
  assert_success
  assert_output --partial 'kind: "Job"'
}

@test "a Python without jinja2 is an error with the reason" {
  "$python" -m venv --without-pip bare
  GKE_JOB_PYTHON=bare/bin/python run --separate-stderr bare/bin/python "$REPOSITORY/scripts/render-job" --template batch-job
  assert_one_error 78 '^render-job: .*/bare/bin/python has no module .*; install .* set GKE_JOB_PYTHON to a Python that has them$'
}
