# shellcheck shell=bash
# The report of a run, and the timeline of one that was interrupted. gke_jobs/timeline makes both.

readonly COPY_SECONDS=60 # for the copy of a report

# Sets: report_file, the file that Python writes, empty without --report. Call it after private_dir::make.
report::use() {
  report_file=''
  [[ ${option[report]} ]] || return 0
  [[ ${option[report]} != -* && ${option[report]} != */ && ! -d ${option[report]} && ! ${option[report]} =~ ^gs:/*[^/]*$ ]] ||
    die "$EXIT_USAGE" "option --report is ${option[report]@Q}: it must be a file, or an object as gs://BUCKET/NAME.html"
  report_file=$PRIVATE_DIR/report.html
}

# Writes the report of a run that was interrupted from what the follower has seen, if there is time after the deletion.
report::deliver_until_deadline() { # STATUS
  local place=${option[report]} why='there was no time' status=0 record=$PRIVATE_DIR/record.json
  [[ $place ]] || return 0
  if [[ $place == gs://* ]]; then
    why='a run that is interrupted copies nothing to a bucket'
  elif [[ ! -e $record && ! -s $report_file ]]; then
    why='nothing is known of the Pods'
  else
    { : >"$PRIVATE_DIR/errors"; } 2>/dev/null || true
    [[ ! -e $record ]] || deadline::run 2300 "${COMMAND[@]}" timeline --record "$record" --status "$1" \
      --reason 'the run was interrupted' ${deleted:+--deleted} --report "$report_file" 2>/dev/null || status=$?
    ((status != 0)) || deadline::run 2300 cp -- "$report_file" "$place" 2>"$PRIVATE_DIR/errors" || status=$?
    ((status != 0)) || why=''
    ((status != 1)) || why=$(report::error)
    ((status != EXIT_CONFIG)) || why='it cannot be made of what is known, or there is no room for it in TMPDIR'
  fi
  deadline::run 2650 true || return 0 # no time is left for messages
  if [[ ! $why ]]; then log "the report is in $place"; else warn "cannot write the report $place: $why"; fi
}

# Prints the reason why the report could not be copied: the last line of the error of the command.
report::error() {
  local said
  said=$(tail -n 1 "$PRIVATE_DIR/errors" 2>/dev/null | LC_ALL=C tr -cd '[:print:]') || true
  said=${said:0:300}
  printf '%s\n' "${said:-no time was left}"
}

# Copies the report to its place, if there is one. A failure is a warning: the run has its result.
report::deliver() {
  local place=${option[report]} copy=(cp --)
  [[ $place && -s $report_file ]] || return 0
  [[ $place != gs://* ]] || copy=(gcloud storage cp --quiet --content-type text/html)
  processes::start KILL timeout "$COPY_SECONDS" "${copy[@]}" "$report_file" "$place" >/dev/null 2>"$PRIVATE_DIR/errors"
  if wait $!; then
    log "the report is in $place"
  else
    warn "cannot write the report $place: $(report::error); use another location, or grant the permission to write there"
  fi
}

# Prints summary and timeline of a run that was interrupted, if the follower has written its record and there is time after
# the deletion. bash gets another stderr: its message about a killed command would wait for a reader.
report::print_timeline() { # STATUS
  [[ -e $PRIVATE_DIR/record.json ]] || return 0
  # shellcheck disable=SC2016 # for the other shell
  deadline::run 2500 sh -c 'exec "$@" 2>&9' sh "${COMMAND[@]}" timeline --record "$PRIVATE_DIR/record.json" --status "$1" \
    --reason 'the run was interrupted' ${deleted:+--deleted} 9>&2 2>/dev/null || true
}
