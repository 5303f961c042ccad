"""Nothing from outside is code or a record separator in Bash: what the Bash files must not contain, and why.

A word in a shell's arithmetic, array subscript or `printf -v` is code: `x[$(touch /tmp/x)]`. So these take only names
of ARITHMETIC: a counter of ours, an exit code or an option that options::require_numbers has checked. Answers of the
cluster are JSON, which Python reads.
"""

import re
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"

ARITHMETIC = {
    # counters and clocks of ours
    *("number", "tries", "tries--", "began", "logged_at", "warn_at", "delay", "left", "deadline", "schedule_deadline"),
    *("interrupted_at", "extension", "retry_seconds"),
    # exit codes of children
    *("status",),
    # what Bash has itself
    *("SECONDS", "EUID"),
}
OPTIONS = {
    *("timeout", "schedule_timeout", "start_timeout", "heartbeat", "unreachable_timeout"),  # require_numbers
    "waited",  # by follow::require_check_options
}
SUBSCRIPTS = {"@", "*", "0", "-1", "number", "number + 1"}  # counters of ours
OPTION_NAME = re.compile(r"[a-z_]+|\$name|\$\{(?:1|name)//-/_\}")  # that options::parse has found in a list of ours
# What looks like one of the things below and is none, or is harmless, each with its reason.
EXCEPTIONS = {
    ("options.bash", "printf -v known ' --%s' \"${names[@]}\""): "the variable's name is given, and no text of others",
    ("options.bash", "printf -v choices ', %s' \"${@:2}\""): "likewise",
    ("common.bash", "printf -v quoted ' %q' \"$@\""): "likewise",
    (
        "connection.bash",
        "jsonpath={range .clusters[0].cluster}{.server}",
    ): "lines of the user's own kubeconfig",
    (
        "cluster.bash",
        "jsonpath={.contexts[0].context.namespace}",
    ): "one word of the user's own kubeconfig",
    ("common.bash", "local IFS=' '"): "joins the words of a message",
    ("signals.bash", "local status=$? IFS=$'\\n' child"): "process ids of our own children, from bash",
    ("deploy-dags", "local IFS=$'\\n' child"): "likewise",
    ("connection.bash", "local status=0 IFS=''"): "takes a line whole",
}

RULES = {
    "eval": re.compile(r"\beval\b"),
    "jsonpath, custom-columns or a go-template": re.compile(r"jsonpath|custom-columns|go-template"),
    "printf -v": re.compile(r"\bprintf\s+-v\b"),
    "a separator of one's own": re.compile(r"\bIFS="),
    "read with a separator": re.compile(r"\bread\b[^|;&]*\s-[a-z]*d\b"),
    "process substitution, which needs /dev/fd": re.compile(r"(?<![<\w$])[<>]\((?!\()"),
    "declare by a name that is text": re.compile(r"\b(?:declare|local|typeset|export|readonly)\s+(?:-\w+\s+)*\"?\$"),
    "let or an integer variable": re.compile(r"\blet\s|\b(?:declare|local|typeset)\s+-\w*i"),
    "a reference by name": re.compile(r"\$\{!(?!\w+@\})|\b(?:declare|local)\s+-n\b"),
}
ARITHMETICS = re.compile(r"\(\((?P<inner>.*?)\)\)")
WORD = re.compile(r"[A-Za-z_]\w*(?:--)?")
COMPARISON = re.compile(r"\s-(?:eq|ne|lt|le|gt|ge)\s")
SUBSCRIPT = re.compile(r"(?<![\w\\])(?P<array>[A-Za-z_]\w*)\[(?P<inner>[^]]*)\]")
PROGRAM = re.compile(r"-c 'import .*?\n.*?'", re.DOTALL)  # in Python


def findings(text, name="x"):
    """The lines of a Bash file that are not allowed, as (line, what)."""
    found = []
    for line in PROGRAM.sub("", text).splitlines():
        code = re.sub(r"(^|\s)#.*", "", line)
        if (name, code.strip()) in EXCEPTIONS or any(n == name and part in code for n, part in EXCEPTIONS):
            continue
        found += [(line.strip(), what) for what, rule in RULES.items() if rule.search(code)]
        found += [(line.strip(), f"arithmetic on {word}") for word in _arithmetic(code)]
        if COMPARISON.search(code):
            found.append((line.strip(), "arithmetic of [[ ]]: write (( ))"))
        for array, inner in SUBSCRIPT.findall(_without_patterns(code)):
            if not _is_known_subscript(array, inner):
                found.append((line.strip(), f"subscript {inner} of {array}"))
    return found


def _arithmetic(code):
    for match in ARITHMETICS.finditer(code.replace("$(date +%s%3N)", "1")):
        inner = match["inner"]
        for option in re.findall(r"\$?\{?option\[(\w+)\]", inner):
            if option not in OPTIONS:
                yield option
        inner = re.sub(r"\$\{option\[\w+\]:-\$?(\w+)\}|option\[\w+\]", r"\1", inner)
        inner = re.sub(r"\$\{#\w+(\[@\])?\}|\$[?#]|\$1(?=\D)|\b\d+\b", "", inner)
        for word in WORD.findall(inner):
            if word.rstrip("-") not in ARITHMETIC and not re.fullmatch("[A-Z_]+", word):
                yield word


def _without_patterns(code):
    """Without what is between quotes, and the regular expressions and globs of [[ ]], case and ${ }."""
    code = re.sub(r"'[^']*'", "''", code)
    code = re.sub(r"(?:=~|==|!=) .*?(?=\]\]|$)", "", code)
    return re.sub(r"sed .*|\[\[:.*?:\]\]", "", code)


def _is_known_subscript(array, inner):
    return inner in SUBSCRIPTS or inner.isdigit() or (array == "option" and OPTION_NAME.fullmatch(inner) is not None)


def bash_files():
    programs = [file for file in SCRIPTS.iterdir() if file.is_file() and "bash" in file.open().readline()]
    return sorted([*programs, *SCRIPTS.glob("lib/bash/*.bash")])


@pytest.mark.parametrize("file", bash_files(), ids=lambda file: file.name)
def test_a_bash_file_has_no_code_of_others(file):
    assert findings(file.read_text(), file.name) == []


def test_every_exception_is_needed():
    texts = {file.name: file.read_text() for file in bash_files()}
    assert [(name, part) for name, part in EXCEPTIONS if part not in texts.get(name, "")] == []


@pytest.mark.parametrize(
    "bad",
    [
        "((answer > 0))",
        "x=$((count + 1))",
        "((${option[job]} > 0))",
        "seen[$answer]=yes",
        'echo "${seen[$index]}"',
        'eval "$answer"',
        'printf -v "$answer" x',
        "kubectl get job x --output jsonpath='{.metadata.uid}|{.spec}'",
        "local IFS='|' a b",
        'IFS=, read -r a b <<<"$answer"',
        "read -r -d '' text",
        "mapfile -t lines < <(kubectl get pods)",
        "exec {fd}> >(cat)",
        "local -n name=$1",
        'declare "$answer"=1',
        'local "$1=x"',
        "let answer+=1",
        "local -i answer",
        'echo "${!answer}"',
        "[[ $answer -gt 0 ]]",
        'test "$answer" -eq 0',
    ],
)
def test_what_is_not_allowed_is_found(bad):
    assert findings(bad)


@pytest.mark.parametrize(
    "good",
    [
        '((status == 0)) || exit "$status"',
        'read -r step first <<<"$answer"',
        "for ((number = 0; number < ${#objects[@]}; number += 2)); do",
        "[[ $answer =~ ^[a-z]+$ ]]",
        'echo "${objects[number + 1]}" # ((anything))',
        "option[name]=x",
    ],
)
def test_what_is_allowed_is_not_found(good):
    assert findings(good) == []
