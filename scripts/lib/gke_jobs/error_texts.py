"""Explains what a program wrote to stderr before it failed.

command.py explain-error --for WHAT --from kubectl|gcloud --file FILE [--places FILE] [--if-denied ADVICE]
                         [--if-absent ADVICE]

stderr: one line, `cannot WHAT: ...`; stdout: one word, what to do about it (error_rules.Verdict). --places FILE: what
`render-job --places` has written, for the lines of the template that say the fields which the cluster refuses.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from gke_jobs.errors import CODES, Answer, Verdict, classify, from_status
from gke_jobs.json_access import Json
from gke_jobs.messages import log

READ_BYTES = 1 << 20  # of what a program wrote; the end counts
# What kubectl prints of the answer with -v=3, and what it prints always.
STATUS = re.compile(r"^[IWEF]\d{4} .*?\] server response object: (?:%s\[)?", re.MULTILINE)
FROM_SERVER = re.compile(r"^Error from server(?: \((\w+)\))?: (.*)", re.MULTILINE | re.DOTALL)
INVALID = re.compile(r'^The \w+ "[^"\n]*" is invalid: ', re.MULTILINE)  # of that error kubectl prints no Status
NOISE = re.compile(r"^(?:Warning: .*|[IWEF]\d{4} [^\n]*|Fetching cluster [^\n]*)\n?", re.MULTILINE)
GCLOUD_CODE = re.compile(r"code=(\d{3})|HTTPError (\d{3})|not found: (404)")


def from_kubectl(stderr: str) -> Answer:
    """Return the error that kubectl has ended with, a Status of the server where it prints one."""
    for match in reversed(list(STATUS.finditer(stderr))):
        status = _json_at(stderr, match.end())
        if isinstance(status, dict) and status.get("message"):
            return from_status(status)
    text = NOISE.sub("", stderr)
    if server := FROM_SERVER.search(text):
        return Answer(code=CODES.get(server[1] or ""), reason=server[1] or "", message=server[2].strip())
    if INVALID.match(text):
        return Answer(code=CODES["Invalid"], reason="Invalid", message=text.strip())
    return Answer(code=None, reason="", message=text.strip())


def from_gcloud(stderr: str) -> Answer:
    """Return the error that gcloud has ended with."""
    text = NOISE.sub("", stderr).strip()
    code = GCLOUD_CODE.search(text)
    number = int(next(filter(None, code.groups()))) if code else None
    if number is None and "does not have " in text:
        number = 403
    return Answer(code=number, reason="", message=text)


def _json_at(text: str, position: int) -> Json:
    try:
        return json.JSONDecoder().raw_decode(text, position)[0]
    except (ValueError, RecursionError):
        return None


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--for", dest="purpose", required=True)
    parser.add_argument("--from", dest="source", choices=("kubectl", "gcloud"), required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--places", type=Path)
    parser.add_argument("--if-denied")
    parser.add_argument("--if-absent")
    options = parser.parse_args()
    stderr = options.file.read_bytes()[-READ_BYTES:].decode(errors="replace")
    answer = from_kubectl(stderr) if options.source == "kubectl" else from_gcloud(stderr)
    meaning = classify(answer)
    advices = {Verdict.DENIED: options.if_denied, Verdict.ABSENT: options.if_absent}
    advice = advices.get(meaning.verdict) or meaning.advice
    if options.if_absent or meaning.verdict not in (Verdict.EXISTS, Verdict.CONFLICT, Verdict.ABSENT):
        log(f"cannot {options.purpose}: {meaning.words}; {advice}{_where(options.places, answer)}")
    print(meaning.verdict.value)
    return 0


def _where(places: Path | None, answer: Answer) -> str:
    if places is None or not places.exists():
        return ""
    from gke_jobs.rendering.places import explain

    found = explain(answer.message, json.loads(places.read_text()))
    return f": {found}" if found else ""
