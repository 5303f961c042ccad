"""Explains what a program wrote to stderr before it failed.

command.py explain-error --for WHAT --from kubectl|gcloud --file FILE [--group NAME] [--places FILE]

--group is the group of the command of gcloud, such as storage, for errors that do not name it.
stderr: one line, `cannot WHAT: ...`; stdout: one word, what to do about it (error_rules.Verdict). --places FILE: the
output of `render-job --places`; it names the lines of the template that set the fields which the cluster refuses.
"""

from __future__ import annotations

import argparse
import json
import re
from os import SEEK_END
from pathlib import Path

from gke_jobs.errors import CODES, PLUGIN_LOG, Answer, Meaning, Verdict, classify, from_status, sentence
from gke_jobs.json_access import Json, text_at
from gke_jobs.messages import WARNING, log
from gke_jobs.plain_text import one_line

READ_BYTES = 256 << 10  # read of the output of a program, at its beginning and at its end

# kubectl prints the Status of the server with -v=4, not with -v=3: 1.37 unchanged, 1.35 and older as `%s[{...}]`, no
# version for 422. It prints the message after that, so a text there that looks like a Status is foreign.
LOG_LINE = re.compile(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.-]+:\d+\] ")
STATUS = re.compile(LOG_LINE.pattern + r"server response object: (?:%s\[)?(?=\{)")
FINAL = re.compile(r"Error from server|error: |The (?:\S+ \"[^\"\n]*\"|request) is invalid: ")
FROM_SERVER = re.compile(r"^Error from server(?: \(([^()\n]*)\))?: ", re.MULTILINE)  # a webhook chooses the reason
INVALID = re.compile(r"\AThe (?:\S+ \"[^\"\n]*\"|request) is invalid: ")
UNCONNECTED = re.compile(r"^Unable to connect to the server: ", re.MULTILINE)
# The manifest was not checked, because the schema could not be downloaded.
VALIDATING = re.compile(r"\A.{0,400}?error validating data: failed to download openapi: ", re.DOTALL)
GCLOUD_NOISE = re.compile(r"^(?:Fetching (?:cluster|Gateway)|WARNING: )[^\n]*\n?", re.MULTILINE)
GCLOUD_SURFACE = re.compile(r"^ERROR: \(gcloud\.(\w+)", re.MULTILINE)
STORAGE = re.compile(r"/storage/|pre-conditions you specified did not hold")  # these name no command group
GCLOUD_CODE = re.compile(r"code=(\d{3})\b|HTTPError (\d{3})\b|not found: (404)\b")
GCLOUD_STATUS = re.compile(
    r"^ERROR: \(gcloud[\w.-]*\) (NOT_FOUND|PERMISSION_DENIED|UNAUTHENTICATED|UNAVAILABLE): ", re.MULTILINE
)
STATUS_CODES = {"NOT_FOUND": 404, "PERMISSION_DENIED": 403, "UNAUTHENTICATED": 401, "UNAVAILABLE": 503}


def from_kubectl(stderr: str) -> Answer:
    """Return the error with which kubectl ended: the Status of the server if kubectl printed it."""
    status, text = _without_log(stderr)
    if text_at(status, "message"):
        return from_status(status)
    text = text.strip()
    if server := FROM_SERVER.search(text):
        reason = server[1] if server[1] and server[1].isalnum() else ""
        return Answer(code=CODES.get(reason), reason=reason, message=text[server.end() :])
    if INVALID.match(text):
        return Answer(code=422, reason="Invalid", message=text)
    if unconnected := UNCONNECTED.search(text):  # the text before it is from the credential plugin
        words = PLUGIN_LOG.sub("", text[: unconnected.start()])
        text = f"{text[unconnected.start() :]} {words}".strip()
    text = VALIDATING.sub("", text).partition("; if you choose to ignore these errors")[0]
    return Answer(code=None, reason="", message=text)


def _without_log(stderr: str) -> tuple[dict[str, Json], str]:
    """Return the Status that kubectl has logged, {} if there is none, and its other lines without warnings."""
    status: dict[str, Json] = {}
    lines: list[str] = []
    position, final = 0, False
    while position < len(stderr):
        end = stderr.find("\n", position) + 1 or len(stderr)
        line = stderr[position:end]
        final = final or bool(FINAL.match(line))
        if not final and (match := STATUS.match(line)):
            found, end = _json_at(stderr, position + match.end(), end)
            status = found if isinstance(found, dict) else status
        elif final or not (LOG_LINE.match(line) or line.startswith("Warning: ")):
            lines.append(line)
        position = end
    return status, "".join(lines)


def _json_at(text: str, position: int, end_of_line: int) -> tuple[Json, int]:
    """Return the JSON at a position, and the end of the line on which the JSON ends."""
    try:
        found, position = json.JSONDecoder().raw_decode(text, position)
    except (ValueError, RecursionError):
        return None, end_of_line
    return found, text.find("\n", position) + 1 or len(text)


def from_gcloud(stderr: str, group: str = "") -> Answer:
    """Return the error with which gcloud ended; its reason is a key of GCLOUD_RULES.

    group: of the command, such as storage; by default the one that the text names
    """
    text = GCLOUD_NOISE.sub("", stderr).strip()
    surface = GCLOUD_SURFACE.search(text)
    code = GCLOUD_CODE.search(text)
    number = int(next(filter(None, code.groups()))) if code else None
    if number is None and (status := GCLOUD_STATUS.search(text)):
        number = STATUS_CODES[status[1]]
    if number is None and ("does not have " in text or "doesn't have sufficient permissions" in text):
        number = 403
    name = group or (surface[1] if surface else "storage" if STORAGE.search(text) else "")
    reason = f"gcloud {name}" if name in ("composer", "storage") else "gcloud container"
    return Answer(code=number, reason=reason, message=text)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--for", dest="purpose", required=True)
    parser.add_argument("--from", dest="source", choices=("kubectl", "gcloud"), required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--group", default="")
    parser.add_argument("--places", type=Path)
    options = parser.parse_args()
    stderr = _read(options.file)
    answer = from_kubectl(stderr) if options.source == "kubectl" else from_gcloud(stderr, options.group)
    meaning = classify(answer)
    if meaning.verdict not in (Verdict.EXISTS, Verdict.CONFLICT, Verdict.ABSENT):
        where = _where(options.places, answer, meaning)
        log(f"cannot {one_line(options.purpose)}: {sentence(meaning)}{where}", WARNING)
    print(meaning.verdict.value)
    return 0


def _read(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            begin = stream.read(READ_BYTES)
            rest = max(len(begin), stream.seek(0, SEEK_END) - READ_BYTES)
            stream.seek(rest)
            return (begin + stream.read(READ_BYTES)).decode(errors="replace")
    except OSError as error:
        return f"its error output cannot be read: {error}"


def _where(places: Path | None, answer: Answer, meaning: Meaning) -> str:
    if places is None or meaning.verdict is not Verdict.REFUSED:
        return ""
    from gke_jobs.rendering.places import explain

    try:
        found = one_line(explain(answer.message, json.loads(places.read_text())))
    except (OSError, ValueError, TypeError):
        return ""
    return f": {found}" if found else ""
