# shellcheck shell=bash
# Writes the report of a run, and prints the timeline of an interrupted run. gke_jobs/timeline makes both.

readonly COPY_SECONDS=60 # timeout for the copy of a report

# Checks --report. Sets: report_file, the file that Python writes, empty without --report. Call it after private_dir::make.
report::prepare() {
  report_file=''
  [[ ${option[report]} ]] || return 0
  [[ ${option[report]} != -* && ${option[report]} != */ && ! -d ${option[report]} && ! ${option[report]} =~ ^gs:/*[^/]*$ ]] ||
    die "$EXIT_USAGE" "option --report is ${option[report]@Q}: it must be a file, or an object like gs://BUCKET/NAME.html"
  report_file=$PRIVATE_DIR/report.html
}

# Writes the report of an interrupted run from the record of the follower, if there is time after the deletion.
report::deliver_until_deadline() { # STATUS
  local destination=${option[report]} why='there was no time left' status=0 record=$PRIVATE_DIR/record.json
  [[ $destination ]] || return 0
  if [[ $destination == gs://* ]]; then
    why='an interrupted run does not copy its report to a bucket: use a file'
  elif [[ ! -e $record && ! -s $report_file ]]; then
    why='the Pods were not read before the interruption'
  else
    { : >"$PRIVATE_DIR/errors"; } 2>/dev/null || true
    [[ ! -e $record ]] || deadline::run 2300 "${COMMAND[@]}" timeline --record "$record" --status "$1" \
      --reason 'the run was interrupted' ${deleted:+--deleted} --report "$report_file" 2>/dev/null || status=$?
    ((status != 0)) || deadline::run 2300 cp -- "$report_file" "$destination" 2>"$PRIVATE_DIR/errors" || status=$?
    ((status != 0)) || why=''
    ((status != 1)) || why=$(report::print_error)
    ((status != EXIT_CONFIG)) || why='the data of the run is incomplete, or TMPDIR has no free space'
  fi
  if [[ ! $why ]]; then log "the report is in $destination"; else warn "cannot write the report $destination: $why"; fi
}

# Prints the reason why the report could not be copied: the last line of the error of the command.
report::print_error() {
  local line
  line=$(tail -n 1 "$PRIVATE_DIR/errors" 2>/dev/null | LC_ALL=C tr -cd '[:print:]') || true
  line=${line:0:300}
  printf '%s\n' "${line:-there was no time left}"
}

# Copies the report, if there is one, to the file or bucket of --report. A failure is a warning, because the run has its result.
report::deliver() {
  local destination=${option[report]} copy=(cp --)
  [[ $destination && -s $report_file ]] || return 0
  [[ $destination != gs://* ]] || copy=(gcloud storage cp --quiet --content-type text/html)
  processes::start KILL timeout "$COPY_SECONDS" "${copy[@]}" "$report_file" "$destination" >/dev/null 2>"$PRIVATE_DIR/errors"
  if wait $!; then
    log "the report is in $destination"
  else
    warn "cannot write the report $destination: $(report::print_error); use another location, or grant the permission to write there"
  fi
}

# Prints summary and timeline of an interrupted run, if the follower has written its record and there is time after the
# deletion. bash gets another stderr, because its message about a killed command could block.
report::print_timeline() { # STATUS
  [[ -e $PRIVATE_DIR/record.json ]] || return 0
  # shellcheck disable=SC2016 # sh expands these variables
  deadline::run 2500 sh -c 'exec "$@" 2>&9' sh "${COMMAND[@]}" timeline --record "$PRIVATE_DIR/record.json" --status "$1" \
    --reason 'the run was interrupted' ${deleted:+--deleted} 9>&2 2>/dev/null || true
}
