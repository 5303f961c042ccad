# shellcheck shell=bash
# The options for the manifest of a Job, of run-job and submit-job: their names, their help, and their check.

# The options that submit-job passes on to render-job.
readonly RENDER_OPTIONS="template values set profile profile-for profiles validate kubernetes-version name"
# shellcheck disable=SC2034 # for the scripts
readonly MANIFEST_OPTIONS="$RENDER_OPTIONS on-change" MANIFEST_FLAGS="escalate fallback"

# --help prints it below the header comment of a script with MANIFEST in its usage.
# shellcheck disable=SC2034 # likewise
manifest_help="
MANIFEST, the Job to create
  --template NAME    the name of a template in templates/, e.g. batch-job, or a path
  --values FILE      JSON file with the values of the template; - reads standard input; default: \$GKE_JOB_VALUES, or else {}
  --set PATH=TEXT    add or replace one value; may be repeated; PATH:=JSON sets any JSON value; see render-job
  --profile NAME     a machine profile of templates/profiles.yaml; NAME-spot for spot nodes
  --profile-for TABLE=QUANTITY
                     the smallest profile that is large enough, by a size table of that file: bytes=73G
  --profiles FILE    profiles, size tables and prices that override those of templates/profiles.yaml
  --escalate         use the next larger profile if the last try of the same task was OOMKilled; see submit-job
  --fallback         use the \`fallback\` of the profile if the last try was lost to preemption, or if run-job --fallback
                     has ended it because it got no nodes in time; NAME-spot falls back to NAME; see submit-job
  --name NAME        the name of the Job; default: made from DAG, task and run, or, from a shell, from template and user
  --on-change WHAT   if the task still runs a Job of another manifest: attach to it, replace it, or fail (default)
  --validate HOW     before the Job is created: server (by a dry run on the cluster), offline (by the published schema, see
                     render-job), or off (default: the API server validates the Job when it is created)
  --kubernetes-version VERSION
                     the version of the schema for --validate offline; default: the newest known
"

# Checks the options; ends the script with 64 if one is missing, has an unknown value, or needs another one.
manifest::check_options() {
  local name
  options::require template
  options::require_choice validate off server offline
  options::require_choice on-change fail attach replace
  [[ ! ${option[kubernetes_version]} || ${option[validate]} == offline ]] ||
    die "$EXIT_USAGE" "option --kubernetes-version requires --validate offline"
  for name in $MANIFEST_FLAGS; do
    [[ ! ${option[$name]} || ${option[profile]}${option[profile_for]} ]] ||
      die "$EXIT_USAGE" "--$name requires a profile: give --profile or --profile-for"
  done
}
