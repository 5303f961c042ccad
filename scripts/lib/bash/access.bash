# shellcheck shell=bash
# The options that name a cluster, its endpoint and an account: their names, their help, and their check.

readonly ACCESS_OPTIONS="project location cluster fleet-membership impersonate-service-account auth"
readonly ACCESS_FLAGS="internal-ip dns-endpoint" # endpoints, each also a flag of gcloud

# --help prints it below the header comment of a script with CLUSTER in its usage.
shared_help="
CLUSTER, which cluster; default: kubectl's current context
  --context NAME     a context of the kubeconfig
  --project ID --location WHERE --cluster NAME [ACCESS]
                     a GKE cluster: its project, its region or zone, e.g. europe-west4 or europe-west4-a, and its name
  --project ID [--location WHERE] --fleet-membership NAME [ACCESS]
                     a member of a fleet, through Connect gateway; WHERE is the location of the membership
"
access_help="
ACCESS, the endpoint of the cluster and the account
  --internal-ip      the private IP endpoint
  --dns-endpoint     the DNS endpoint; the account needs the permission container.clusters.connect
  --impersonate-service-account EMAIL
                     act as this service account; the account needs roles/iam.serviceAccountTokenCreator on it
  --auth HOW         adc: application-default credentials, which need no gcloud command for a token; gcloud: credentials of
                     gcloud, also for impersonation; auto (default): adc if gcloud has no account of its own, and there is
                     a metadata server, as on Composer, or GOOGLE_APPLICATION_CREDENTIALS names a key file; else gcloud
"

# Whether the options name a GKE cluster.
access::names_gke() {
  [[ ${option[project]}${option[location]}${option[cluster]}${option[fleet_membership]} ]]
}

# Sets: endpoints, those that are given, as options.
access::find_endpoints() {
  local name
  endpoints=()
  for name in $ACCESS_FLAGS; do
    [[ ! ${option[${name//-/_}]} ]] || endpoints+=("--$name")
  done
}

# Ends the script for options that exclude each other or are incomplete.
access::require() {
  local name email=${option[impersonate_service_account]} endpoints
  access::find_endpoints
  if ! access::names_gke; then
    for name in $ACCESS_OPTIONS $ACCESS_FLAGS; do
      [[ ! ${option[${name//-/_}]} ]] ||
        die "$EXIT_USAGE" "option --$name is given, but no cluster: add --project, --location and --cluster"
    done
    return 0
  fi
  [[ ! ${option[context]-} ]] ||
    die "$EXIT_USAGE" "--context and --cluster both name a cluster: give one of them"
  if [[ ! ${option[fleet_membership]} ]]; then
    options::require project location cluster
  elif [[ ${option[cluster]} ]]; then
    die "$EXIT_USAGE" "--fleet-membership and --cluster both name a cluster: give one of them"
  elif ((${#endpoints[@]})); then
    die "$EXIT_USAGE" "--fleet-membership uses Connect gateway: leave out ${endpoints[*]}"
  else
    options::require project
  fi
  ((${#endpoints[@]} < 2)) ||
    die "$EXIT_USAGE" "${endpoints[0]} and ${endpoints[1]} are two endpoints: give one of them"
  [[ ! $email || $email =~ ^[^-@[:space:],][^@[:space:],]*@[^@[:space:],]+$ ]] ||
    die "$EXIT_USAGE" "option --impersonate-service-account is ${email@Q}: it must be the email address of a service account"
  options::require_choice auth auto adc gcloud
  [[ ! $email || ${option[auth]} != adc ]] ||
    die "$EXIT_USAGE" "--auth adc cannot impersonate: gke-gcloud-auth-plugin would use the account itself; leave out --auth"
}

# Sets: passed_on, these options for get-credentials.
access::pass_on() {
  local endpoints
  access::find_endpoints
  # shellcheck disable=SC2086 # one word for each option
  options::pass_on $ACCESS_OPTIONS
  passed_on+=("${endpoints[@]}")
}
