# shellcheck shell=bash
# Parses the command line of a script. Every argument is an option: --NAME VALUE, --NAME=VALUE, or a flag --NAME.

readonly NAME_OPTIONS=(job cluster project location fleet-membership context namespace uid name template) # options whose values are names

declare -A option=() # set by options::parse: option[job], option[dry_run], ...; empty for an option that is missing
option_flags=''      # set by options::parse: the names of the flags
settings=()          # set by options::parse: the values of --set

shared_help='' # --help prints it below the header comment

options::print_help() {
  sed -n '2,/^[^#]/ { /^#/ s/^# \{0,1\}//p }' "$0"
  printf '%s' "$shared_help"
}

# Reads the command line. Names of the first list take a value, names of the second list are flags.
# Sets: option, option_flags, settings.
options::parse() { # "NAMES WITH A VALUE" "FLAGS" ARGUMENT...
  local valued=" $1 " flags=" $2 " name
  option_flags=$flags
  for name in $1 $2; do option[${name//-/_}]=''; done
  shift 2
  while (($#)); do
    name=${1#--}
    name=${name%%=*}
    case $1 in
      --help)
        options::print_help
        exit 0
        ;;
      --*) ;;
      *) die "$EXIT_USAGE" "unexpected argument ${1@Q}: every argument is an option, --name value; see $PROGRAM --help" ;;
    esac
    if [[ $flags == *" $name "* ]]; then
      [[ $1 != *=* ]] || die "$EXIT_USAGE" "option --$name takes no value: write --$name"
      option[${name//-/_}]=yes
      shift
    elif [[ $valued != *" $name "* ]]; then
      options::die_unknown "--$name" "$valued$flags"
    elif [[ $1 == *=* ]]; then
      options::store "$name" "${1#*=}"
      shift
    elif (($# > 1)); then
      options::store "$name" "$2"
      shift 2
    else
      die "$EXIT_USAGE" "option $1 has no value: write $1 VALUE; see $PROGRAM --help"
    fi
  done
  options::check_names
  type -P "$PYTHON" >/dev/null ||
    die "$EXIT_CONFIG" "$PYTHON is not on PATH: set GKE_JOB_PYTHON to a Python 3 that has jinja2 and PyYAML"
}

# Stores the value of an option. --set may be given several times.
options::store() { # NAME VALUE
  # Usually the caller's variable is not set. The default would then be another cluster, namespace or release.
  [[ $2 ]] || die "$EXIT_USAGE" "option --$1 has an empty value: set the variable that it comes from, or leave the option out"
  if [[ $1 == set ]]; then settings+=("$2"); else option[${1//-/_}]=$2; fi
}

# Ends the script if a name begins with a dash, because a command would take it as an option, or if it cannot be part of a URL
# path.
options::check_names() {
  local name given
  for name in "${NAME_OPTIONS[@]}"; do
    given=${option[${name//-/_}]-}
    [[ $given != -* ]] || die "$EXIT_USAGE" "option --$name is ${given@Q}: a name does not begin with a dash"
  done
  for name in job namespace; do
    given=${option[$name]-}
    [[ ! $given || ($name$given == jobJOB && ${option[dry_run]-}) ]] || options::is_dns_name "$given" ||
      die "$EXIT_USAGE" "option --$name is ${given@Q}: it must be the name of a Kubernetes object: lower-case letters, digits, dashes and dots"
  done
  [[ ! ${option[uid]-} || ${option[uid]} =~ ^[0-9a-zA-Z][-0-9a-zA-Z]{0,63}$ ]] ||
    die "$EXIT_USAGE" "option --uid is ${option[uid]@Q}: it must be the uid of a Job: letters, digits and dashes"
}

options::is_dns_name() { # TEXT
  ((${#1} <= 253)) && [[ $1 =~ ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ ]]
}

options::die_unknown() { # OPTION "KNOWN NAMES"
  local names known quoted
  common::quote "$1"
  read -ra names <<<"$2"
  printf -v known ' --%s' "${names[@]}"
  die "$EXIT_USAGE" "unknown option$quoted: the options are$known"
}

options::require() { # NAME...
  local name
  for name in "$@"; do
    [[ ${option[${name//-/_}]} ]] || die "$EXIT_USAGE" "option --$name is missing: write --$name VALUE; see $PROGRAM --help"
  done
}

options::require_numbers() { # NAME...
  options::require_whole_numbers '' "$@"
}

options::require_seconds() { # NAME...
  options::require_whole_numbers ' of seconds' "$@"
}

options::require_whole_numbers() { # UNIT NAME...
  local name
  for name in "${@:2}"; do
    [[ ${option[${name//-/_}]} =~ ^([1-9][0-9]{0,8})?$ ]] ||
      die "$EXIT_USAGE" "option --$name is ${option[${name//-/_}]@Q}: it must be a whole number$1 above 0, of at most 9 digits"
  done
}

# Ends the script unless the value is one of the choices. The first choice is the default.
options::require_choice() { # NAME CHOICE...
  local given=${option[${1//-/_}]:=$2} choices
  printf -v choices ', %s' "${@:2}"
  [[ $choices, == *", $given,"* ]] || die "$EXIT_USAGE" "option --$1 is ${given@Q}: it must be one of ${choices#, }"
}

# Sets: passed_on, the arguments for another script: --NAME=VALUE, because a value may begin with a dash, or --NAME for a flag, for
# each of these options that was given.
options::pass_on() { # NAME...
  local name
  passed_on=()
  for name in "$@"; do
    if [[ $name == set ]]; then
      passed_on+=("${settings[@]/#/--set=}")
    elif [[ ! ${option[${name//-/_}]} ]]; then
      continue
    elif [[ $option_flags == *" $name "* ]]; then
      passed_on+=("--$name")
    else
      passed_on+=("--$name=${option[${name//-/_}]}")
    fi
  done
}
