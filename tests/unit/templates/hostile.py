"""Text that has broken templates, YAML parsers or shells; as a value each must arrive unchanged."""

# fmt: off
SPACES = ["", " ", "  both ends  ", "\t", "\n", "\r\n", "a\nb", "a\n\n\nb\n", "\n- x\n", "x\n" * 500]
QUOTES = ["'", '"', "''", '"quoted"', "it's", '\\"', "\\", "\\n", "\\u0041", "`id`", '"}, "privileged": true, {"']
DOCUMENTS = ["---", "--- a", "...", "a\n---\nkind: Secret", "%YAML 1.1"]
TEMPLATES = ["{{ 7 * 7 }}", "{% raw %}", "{# #}", "}}", "%s", "%(x)s", "v0123456789abcdefn0z", "m0123456789abcdefn0z"]
DOLLARS = ["${HOME}", "$(HOME)", "$$(HOME)", "$$$(HOME)", "$", "$$", "a$", "$(", "$()", "rm -rf /; echo $(id)"]
YAML = [
    "&anchor", "*alias", "&a [*a, *a]", "!!python/object:os.system", "!tag x", "<<", "<<: *x", "@", "`", "|", ">",
    "|-\n x", "? x", "- x", ": ", "a: b", "a:", ":", " #", "a # b", "#", "[", "]", "{", "}", "[]", "{}", "{a: b}",
    "[1, 2]", ",", "a, b", "=",
]
WORDS = ["NO", "no", "y", "n", "on", "Off", "true", "True", "null", "Null", "~", "None", ".inf", "-.INF", ".NaN", "nan"]
NUMBERS = [
    "0", "-0", "+1", "007", "0o7", "0x1F", "0b1", "1_000", "1e3", "1E3", "1.", ".5", "1.0", "1.10", "1:30", "190:20:30",
    "12e03", "2026-01-01", "2026-01-01T00:00:00Z", "4096Mi", "Infinity",
]
UNICODE = [
    "\u0085", "\u2028", "\u2029", "\ufeff", "\u00a0", "\u200b", "\u202eevil", "\u2066x\u2069", "\x01", "\x07",
    "\x1b[31m", "\x7f", "\x9f", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff", "\U0001f600", "\U0010ffff",
    "e\u0301", "Gr\u00f6\u00dfe", "\u65e5\u672c\u8a9e",
]
LONG = ["a" * 200, "word " * 100, "gs://bucket/a b/*.csv", "--flag=value", "x" * 100_000]
# fmt: on

HOSTILE = [*SPACES, *QUOTES, *DOCUMENTS, *TEMPLATES, *DOLLARS, *YAML, *WORDS, *NUMBERS, *UNICODE, *LONG]
