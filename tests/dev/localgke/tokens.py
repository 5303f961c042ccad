"""Imitates Google's access tokens: the users of tokens, and issued tokens that expire."""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

from localgke.config import Config, User

SCHEME = "Bearer "


class Token(NamedTuple):
    """An access token; `end`: its expiration on the monotonic clock."""

    text: str
    end: float

    @property
    def seconds(self) -> int:
        """The remaining lifetime."""
        return max(int(self.end - time.monotonic()), 0)


class Tokens:
    """The tokens of the cluster file, which never expire, and issued tokens, which do.

    `static`: no tokens are issued, because the API server knows only those of the file.
    """

    def __init__(self, config: Config, *, static: bool = False):
        self._config = config
        self._static = static
        self._issued: dict[str, tuple[User, float]] = {}

    def user(self, authorization: str) -> User | None:
        """Returns the user of an Authorization header, None for an unknown or expired token."""
        user, end = self._issued.get(authorization.removeprefix(SCHEME), (None, 0.0))
        if user is not None and authorization.startswith(SCHEME):
            return user if time.monotonic() < end else None
        return self._config.user(authorization)

    def named(self, name: str) -> User | None:
        """Returns the user of the cluster file with this name, None without one."""
        return next((user for user in self._config.tokens.values() if user.name == name), None)

    def issue(self, user: User) -> Token:
        """Returns a token for a user of the cluster file."""
        end = time.monotonic() + self._config.token_seconds
        if self._static:
            return Token(next(text for text, known in self._config.tokens.items() if known is user), end)
        text = f"ya29.{secrets.token_urlsafe(24)}"
        self._issued[text] = user, end
        return Token(text, end)
