import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gke_jobs.plain_text import (
    LINE_LIMIT,
    container_line,
    duration,
    escaped,
    is_name,
    json_line,
    log_lines,
    one_line,
    parse_time,
    printable,
)

HOSTILE = ["\x1b[31m", "\x1b[0m", "\x1b]0;t\x07", "::", "group", "endgroup", ":", "##[", "]", "\r", "\n"]
HOSTILE += ["\x9b", "\x85", "\u2028", "\u202e", "\u2066", "\u200f", "\ud800", "\udc9b", "日本語", "é", "\t", " "]
FOREIGN = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3), max_size=12).map("".join)
BYTES = st.lists(
    st.sampled_from([text.encode(errors="surrogatepass") for text in HOSTILE] + [b"\x9b", b"\xe9", b"\xe2\x80"])
    | st.binary(max_size=3),
    max_size=12,
).map(b"".join)
COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
MARK = re.compile(r"(::|##\[)(end)?group(::|\])", re.IGNORECASE)


@given(FOREIGN)
def test_foreign_text_is_one_harmless_line(text):
    for line in (escaped(text), printable(text), one_line(text)):
        assert not UNSAFE.search(line)
        assert not MARK.search(line)
        assert escaped(line) == line
    assert len(printable(text * 100)) < LINE_LIMIT + 50


@given(BYTES)
def test_a_line_of_a_container_is_one_harmless_line_that_leaves_no_colour_behind(raw):
    line = container_line(raw)
    text = line.decode(errors="surrogateescape")
    plain = COLOURS.sub("", text)
    assert not re.search("[\udc80-\udc9f]", text)
    assert not UNSAFE.search(re.sub("[\udca0-\udcff]", "", plain))
    assert not MARK.search(plain)
    colours = COLOURS.findall(text)
    assert not colours or re.fullmatch(r"\x1b\[0*m", colours[-1])


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=50))
def test_letters_of_any_language_stay(text):
    if not MARK.search(text) and "::" not in text:
        assert escaped(text) == text
        assert container_line(text.encode()) == text.encode()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"epoch 1\tloss 0.5", b"epoch 1\tloss 0.5"),
        ("\u65e5\u672c\u8a9e\u3000\u5168\u89d2".encode(), "\u65e5\u672c\u8a9e\u3000\u5168\u89d2".encode()),
        (b"latin1 \xe9 \xff", b"latin1 \xe9 \xff"),
        (b"windows\r", b"windows"),
        (b"\x1b[1;31mred\x1b[0m", b"\x1b[1;31mred\x1b[0m"),
        (b"\x1b[38:5:1mred\x1b[m", b"\x1b[38:5:1mred\x1b[m"),
        (b"\x1b[31mred", b"\x1b[31mred\x1b[0m"),
        (b"\x1b[0;31mred", b"\x1b[0;31mred\x1b[0m"),
        (b"\x1b[2J\x1b]0;title\x07\x00\x7f", b"\\x1b[2J\\x1b]0;title\\x07\\x00\\x7f"),
        (b"\x9b2J \xc2\x9b2J", b"\\x9b2J \\x9b2J"),
        (b"10%\r20%", b"10%\\r20%"),
        ("\u202eabc\u2028d\u2066".encode(), b"\\u202eabc\\u2028d\\u2066"),
        (b"::group::x", b": :group::x"),
        (b"x ::endgroup::", b"x : :endgroup::"),
        (b"::gr\x1b[0moup::", b": :gr\x1b[0moup::"),
        (b":\x1b[0m:group::", b": \x1b[0m:group::"),
        (b"##[group]x ##[endgroup]", b"# #[group]x # #[endgroup]"),
        (b"std::vector::push_back", b"std::vector::push_back"),
    ],
)
def test_a_line_of_a_container(raw, shown):
    assert container_line(raw) == shown


def test_log_lines_are_safe_for_a_terminal():
    assert log_lines(b"") == []
    assert log_lines(b"one\n\ntwo") == ["one", "", "two"]
    assert log_lines(b"10%\r50%\r100%\r\nok\r\n") == ["100%", "ok"]
    assert log_lines(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07 \x9b2J") == ["red \\x1b]0;title\\x07 \\x9b2J"]
    assert log_lines("\u202eright to left, tab\tok, \u00e9t\u00e9 \u2014".encode()) == [
        "\\u202eright to left, tab\tok, \u00e9t\u00e9 \u2014"
    ]
    assert log_lines(b"\xff\xc3(") == ["\\xff\\xc3("]


def test_a_long_line_is_cut_and_says_so():
    assert log_lines(b"x" * 5000) == ["x" * LINE_LIMIT + "... (cut: 5000 characters)"]
    assert one_line("y" * LINE_LIMIT) == "y" * LINE_LIMIT


def test_a_message_of_several_lines_is_one_and_what_is_no_text_is_empty():
    assert one_line(" a\n\u2028 b\x85c\n") == "a b c"
    assert [one_line(value) for value in (None, 7, ["x"], {})] == [""] * 4


PARSED = FOREIGN.map(lambda text: json.loads(json.dumps(text)))  # joins pairs of surrogates
JSON = st.recursive(
    PARSED | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PARSED, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_json_is_one_harmless_line_that_reads_back_as_the_same(value):
    line = json_line(value)
    assert json.loads(line) == value
    line.encode()
    assert not UNSAFE.search(line)
    assert not MARK.search(line)


def test_letters_of_any_language_stay_as_they_are_in_json():
    assert json_line({"精度": "良い\u3000\U0001f600"}) == '{"精度":"良い\u3000\U0001f600"}'
    assert json_line("\x7f\x85\u2028\u202e\ud800\U000e0001") == r'"\u007f\u0085\u2028\u202e\ud800\udb40\udc01"'


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        *[(name, True) for name in ("a", "train-7x", "a.b-c.d", "0", "x" * 253)],
        *[(name, False) for name in ("", "-a", "a-", "A", "a..b", "a\n", "$(x)", "a b", "x" * 254, "\u0663", None, 7)],
    ],
)
def test_what_may_be_quoted_in_a_command(text, is_one):
    assert is_name(text) == is_one


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.123456+00:00"),
        ("2026-01-02T03:04:05.1+02:00", "2026-01-02T03:04:05.100000+02:00"),
        *[(text, None) for text in ("", "now", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05", "2026-01-02", None, 5)],
        ("\u0662026-01-02T03:04:05Z", None),
        ("2026-01-02T03:04:05Z\n", None),
        ("2026-01-02T03:04:05+99:99", None),
    ],
)
def test_times(text, time):
    assert parse_time(text) == (time and datetime.fromisoformat(time))


@given(FOREIGN | st.none() | st.integers())
def test_no_text_is_too_odd_to_be_asked_for_its_time(text):
    assert parse_time(text) is None


def test_durations():
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    lengths = [0, 59, 125, 3 * 3600 + 12 * 60 + 5, 2 * 86400 + 4 * 3600, -5]
    expected = ["0 s", "59 s", "2 min 5 s", "3 h 12 min", "2 d 4 h", "0 s"]
    assert [duration(start, start + timedelta(seconds=seconds)) for seconds in lengths] == expected
