# shellcheck shell=bash
# What every script starts with: strict mode, exit codes, messages, --help, options.
#
# No `IFS=x read`: when a trap ends the script during such a read, bash 5.2 crashes or keeps that IFS. Use `local IFS`.
#
# A script sources this file, defines `main` and ends with `main "$@"`. Its header comment is its --help.
set -o errexit -o nounset -o pipefail -o errtrace +o noclobber +o noglob +o posix +o keyword # SHELLOPTS may be exported
# shellcheck disable=SC2046 # names of functions are words
unset -f $(compgen -A function) # an exported one may have the name of a command, or of a function that is defined here
trap common::end_unexpectedly ERR
trap '' XFSZ # a file that may not grow is an error, as a full disk is

# What is closed is taken by the next file that is opened: this script, when bash has opened it. A result that nobody can
# read is not printed well, as on a full disk.
{ true <&0; } 2>/dev/null && [[ ! /proc/$$/fd/0 -ef $0 ]] || exec </dev/null
{ true >&1; } 2>/dev/null && [[ ! /proc/$$/fd/1 -ef $0 ]] || exec >/dev/full
true >&2 && [[ ! /proc/$$/fd/2 -ef $0 ]] || exec 2>/dev/null

# The exit codes of every script; the table in scripts/README.md says what each means to Airflow.
# shellcheck disable=SC2034 # not every script has a use for each of them
readonly EXIT_JOB_FAILED=1 EXIT_USAGE=64 EXIT_DATA=65 EXIT_NO_TEMPLATE=66 EXIT_UNREACHABLE=69 EXIT_NOT_FINISHED=75 \
  EXIT_DENIED=77 EXIT_CONFIG=78 EXIT_TIMEOUT=124 EXIT_INTERRUPTED=129

SCRIPTS=${BASH_SOURCE[0]%/lib/bash/common.bash}
[[ $SCRIPTS == /* ]] || SCRIPTS=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd)
# shellcheck disable=SC2034 # likewise
readonly PROGRAM=${0##*/} SCRIPTS PYTHON=${GKE_JOB_PYTHON:-python3} # the Python that has jinja2 and PyYAML

# What begins a command of the Python package: without site-packages and other people's modules.
# shellcheck disable=SC2034 # likewise
readonly COMMAND=("$PYTHON" -I -S -B "$SCRIPTS/lib/command.py")

# What is kept for the next run.
export GKE_JOB_CACHE=${GKE_JOB_CACHE:-${TMPDIR:-/tmp}/gke-job-cache-$UID}
[[ $GKE_JOB_CACHE == /* ]] || GKE_JOB_CACHE=$PWD/$GKE_JOB_CACHE

export GKE_JOB_PROGRAM=$PROGRAM  # in whose name Python logs
unset PYTHONINSPECT              # a script does not end then
export PYTHONDONTWRITEBYTECODE=1 # the directory of the scripts may be read-only, or synchronized

readonly NAMES=(job cluster project location fleet-membership context namespace uid name template) # options that take a name

hurried_since='' # when the script was interrupted, milliseconds; see deadline::begin

declare -A option=() # what options::parse found: option[job], option[dry_run], ...; '' where not given
settings=()          # likewise, the values of --set

shared_help='' # for --help, below the header comment

# With GKE_JOB_LEVELS the caller gives each message a level in its log: the prefix that sd-daemon(3) describes. `level` is
# that of the functions that call log: 4 for a warning, 3 for an error, empty for information.
level=''

# Never fails: what has to be done must not depend on anybody reading the message. A script that must end soon does not
# wait for a reader.
log() { # MESSAGE...
  local IFS=' ' prefix=''
  [[ ! $level || ! ${GKE_JOB_LEVELS-} ]] || prefix="<$level>"
  if [[ $hurried_since ]]; then
    timeout 0.3 printf '%s%s: %s\n' "$prefix" "$PROGRAM" "$*" >&2 2>/dev/null || true
  else
    printf '%s%s: %s\n' "$prefix" "$PROGRAM" "$*" >&2 2>/dev/null || true
  fi
}

warn() { # MESSAGE...
  local level=4
  log "$@"
}

# Leaves something for the program that has started the run and named a directory for it: see gke_jobs/report.py.
common::report() { # NAME TEXT
  [[ ! ${GKE_JOB_REPORT-} ]] || { printf '%s\n' "$2" >"$GKE_JOB_REPORT/$1"; } 2>/dev/null || true
}

# Ends the script when a command fails that nothing had to be done about: its exit code may be one that means something
# else to Airflow. Those of our own scripts go on.
common::end_unexpectedly() {
  local status=$? level=3
  case $status in
    6[4-9] | 7[578] | 124 | 129 | 130 | 143) exit "$status" ;;
    141) exit "$EXIT_INTERRUPTED" ;; # nobody reads what is printed
  esac
  log "cannot go on: a command has ended with $status, see above: is there room in ${TMPDIR:-/tmp}?"
  exit "$EXIT_CONFIG"
}

die() { # STATUS MESSAGE...
  local level=3
  common::report reason "${*:2}"
  log "${*:2}"
  exit "$1"
}

options::print_help() {
  sed -n '2,/^[^#]/ { /^#/ s/^# \{0,1\}//p }' "$0"
  printf '%s' "$shared_help"
}

# Prints the name of the release that runs; in a checkout, or a copy of one, its version.
common::print_version() {
  local release=${SCRIPTS%/*}
  if [[ -f $release/MANIFEST ]]; then printf '%s\n' "${release##*/}"; else cat "$SCRIPTS/VERSION"; fi
}

# Ends the script with the exit code of a verdict of explain-error, which has said why.
common::exit_for() { # VERDICT
  case $1 in
    login | denied) exit "$EXIT_DENIED" ;;
    refused | exists | conflict) exit "$EXIT_DATA" ;;
    config | absent) exit "$EXIT_CONFIG" ;;
    usage) exit "$EXIT_USAGE" ;;
    *) exit "$EXIT_UNREACHABLE" ;;
  esac
}

# Fills `option` and `settings` from the command line: `--name value` or `--name=value` for the first names, `--name` for
# the second.
options::parse() { # "NAMES WITH A VALUE" "FLAGS" ARGUMENT...
  local valued=" $1 " flags=" $2 " name
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
      *) die "$EXIT_USAGE" "unexpected argument '$1': every argument is an option, --name value; see $PROGRAM --help" ;;
    esac
    if [[ $flags == *" $name "* && $1 != *=* ]]; then
      option[${name//-/_}]=yes
      shift
    elif [[ $valued != *" $name "* ]]; then
      options::die_unknown "--$name" "$valued$flags"
    elif [[ $1 == *=* ]]; then
      options::take "$name" "${1#*=}"
      shift
    elif (($# > 1)); then
      options::take "$name" "$2"
      shift 2
    else
      die "$EXIT_USAGE" "option $1 has no value: write $1 VALUE; see $PROGRAM --help"
    fi
  done
  options::check_names
  type -P "$PYTHON" >/dev/null ||
    die "$EXIT_CONFIG" "$PYTHON is not on PATH: name a Python 3 that has jinja2 and PyYAML in GKE_JOB_PYTHON"
}

# --set may be given several times.
options::take() { # NAME VALUE
  # A variable that is not set, mostly: without the option another cluster, namespace or release would be meant.
  [[ $2 ]] || die "$EXIT_USAGE" "option --$1 has an empty value: leave the option out, or is a variable not set?"
  if [[ $1 == set ]]; then settings+=("$2"); else option[${1//-/_}]=$2; fi
}

# Names become words of commands, where one that begins with a dash would be an option, and parts of paths.
options::check_names() {
  local name given
  for name in "${NAMES[@]}"; do
    given=${option[${name//-/_}]-}
    [[ $given != -* ]] || die "$EXIT_USAGE" "option --$name is '$given': a name does not begin with a dash"
  done
  for name in job namespace; do
    given=${option[$name]-}
    [[ ! $given || ($name$given == jobJOB && ${option[dry_run]-}) ]] || options::is_dns_name "$given" ||
      die "$EXIT_USAGE" "option --$name is '$given': it takes a name of Kubernetes: small letters, digits, dashes and dots"
  done
  [[ ! ${option[uid]-} || ${option[uid]} =~ ^[0-9a-zA-Z][-0-9a-zA-Z]{0,63}$ ]] ||
    die "$EXIT_USAGE" "option --uid is '${option[uid]}': it takes the uid of a Job, letters, digits and dashes"
}

options::is_dns_name() { # TEXT
  ((${#1} <= 253)) && [[ $1 =~ ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ ]]
}

options::die_unknown() { # OPTION KNOWN-NAMES
  local names known
  read -ra names <<<"$2"
  printf -v known ' --%s' "${names[@]}"
  die "$EXIT_USAGE" "unknown option $1: known are$known"
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

options::require_whole_numbers() { # OF-WHAT NAME...
  local name
  for name in "${@:2}"; do
    [[ ${option[${name//-/_}]} =~ ^([1-9][0-9]{0,8})?$ ]] ||
      die "$EXIT_USAGE" "option --$name is '${option[${name//-/_}]}': it takes a whole number$1 above 0, of at most 9 digits"
  done
}

# The first choice is the default.
options::require_choice() { # NAME CHOICE...
  local given=${option[${1//-/_}]:=$2} choices
  printf -v choices ', %s' "${@:2}"
  [[ $choices, == *", $given,"* ]] || die "$EXIT_USAGE" "option --$1 is '$given': it is one of ${choices#, }"
}

common::require_tools() { # PROGRAM...
  local tool
  common::use_tools
  for tool in "$@"; do
    type -P "$tool" >/dev/null ||
      die "$EXIT_CONFIG" "$tool is not on PATH: install it, or name a directory that holds it in GKE_JOB_TOOLS; see 'What a worker needs' in scripts/README.md"
  done
}

# Puts the programs in the directory GKE_JOB_TOOLS on PATH, once for a script and those that it starts. A copy of them: in
# a bucket, and what is synchronized from there, they have no run bit.
common::use_tools() {
  local place
  [[ ${GKE_JOB_TOOLS-} ]] || return 0
  place=$("${COMMAND[@]}" programs --from="$GKE_JOB_TOOLS" --cache "$GKE_JOB_CACHE") || exit
  export PATH=$place:$PATH GKE_JOB_TOOLS=''
}

# For --dry-run: the command as one could paste it into a shell.
common::would_run() { # COMMAND...
  local quoted
  common::quote "$@"
  log "would run:$quoted"
}

# Sets: quoted, the words as one could paste them into a shell, each after a space.
common::quote() { # WORD...
  printf -v quoted ' %q' "$@"
}

# The options to hand on to another script: fills `passed_on` with --NAME VALUE for each that was given.
options::pass_on() { # NAME...
  local name
  passed_on=()
  for name in "$@"; do
    if [[ $name == set ]]; then
      passed_on+=("${settings[@]/#/--set=}")
    elif [[ ${option[${name//-/_}]} ]]; then
      passed_on+=("--$name" "${option[${name//-/_}]}")
    fi
  done
}
