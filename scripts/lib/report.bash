# shellcheck shell=bash
# What a run leaves for people beside its log, which Python makes (gke_jobs/timeline).

readonly UPLOAD_SECONDS=60 # a report that takes longer is given up

# Sets: report_file, where Python is to write the report, '' where none is wanted. Call it after make_private_dir.
use_report() {
  report_file=''
  [[ ${option[report]} ]] || return 0
  [[ ${option[report]} != -* && ${option[report]} != */ && ! ${option[report]} =~ ^gs:/*[^/]*$ ]] ||
    die "$EXIT_USAGE" "option --report is '${option[report]}': it takes a file, or an object as gs://BUCKET/NAME.html"
  report_file=$PRIVATE_DIR/report.html
}

# Puts the report where it belongs, if there is one. What fails is a warning: the run has its verdict.
deliver_report() {
  local place=${option[report]} copy=(cp --) said=''
  [[ $place && -e $report_file ]] || return 0
  [[ $place != gs://* ]] || copy=(timeout "$UPLOAD_SECONDS" gcloud storage cp --quiet --content-type text/html)
  start KILL "${copy[@]}" "$report_file" "$place" >/dev/null 2>"$PRIVATE_DIR/errors"
  if wait $!; then
    log "the report is in $place"
  else
    said=$(tail -n 1 "$PRIVATE_DIR/errors" | LC_ALL=C tr -cd '[:print:]')
    warn "cannot write the report $place: ${said:0:300}; name another place, or have the right to write there granted"
  fi
}

# Prints summary, timeline and verdict of a run that was interrupted, if the follower has left its record and the deletion left time.
# The message of bash about a command that was killed would wait for a reader, so bash itself gets another stderr.
print_timeline() { # STATUS
  [[ -e $PRIVATE_DIR/record.json ]] || return 0
  # shellcheck disable=SC2016 # for the other shell
  within 2500 sh -c 'exec "$@" 2>&9' sh "${COMMAND[@]}" timeline --record "$PRIVATE_DIR/record.json" --status "$1" \
    --reason 'the run was interrupted' ${deleted:+--deleted} 9>&2 2>/dev/null || true
}
