"""How Kubernetes expands `$(NAME)` in commands, arguments and variables, after its third_party/forked/golang/expansion.

A dollar with neither a dollar nor a whole reference behind it stays, and so does the byte behind it; one beyond ASCII
becomes a character of its own there, so the model works on bytes.
"""

from __future__ import annotations

from collections.abc import Mapping


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return the text that a container receives for `text`; a reference to an unknown variable does not change."""
    given, result, cursor = text.encode(), b"", 0
    while cursor < len(given):
        if given[cursor : cursor + 1] != b"$" or cursor + 1 == len(given):
            result += given[cursor : cursor + 1]
            cursor += 1
            continue
        following = given[cursor + 1 : cursor + 2]
        end = given.find(b")", cursor + 2)
        if following == b"$":
            result, cursor = result + b"$", cursor + 2
        elif following == b"(" and end != -1:
            name = given[cursor + 2 : end].decode()
            result, cursor = result + variables.get(name, f"$({name})").encode(), end + 1
        else:
            result, cursor = result + b"$" + chr(following[0]).encode(), cursor + 2
    return result.decode()
