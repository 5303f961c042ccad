"""Imitates Google's access tokens: who sends one, and tokens that are issued for a time."""

from __future__ import annotations

import secrets
import time
from typing import NamedTuple

from localgke.config import Config, User

SCHEME = "Bearer "


class Token(NamedTuple):
    """An access token; `end` is a time of the monotonic clock."""

    text: str
    end: float

    @property
    def seconds(self) -> int:
        """How long it is still good for."""
        return max(int(self.end - time.monotonic()), 0)


class Tokens:
    """The tokens of the cluster file, which never expire, and the issued ones, which do.

    `static`: no new ones are issued, because the API server knows only those of the file.
    """

    def __init__(self, config: Config, *, static: bool = False):
        self._config = config
        self._static = static
        self._issued: dict[str, tuple[User, float]] = {}

    def user(self, authorization: str) -> User | None:
        """Who sends a request with that Authorization header."""
        user, end = self._issued.get(authorization.removeprefix(SCHEME), (None, 0.0))
        if user is not None and authorization.startswith(SCHEME):
            return user if time.monotonic() < end else None
        return self._config.user(authorization)

    def named(self, name: str) -> User | None:
        """The user of the cluster file with that name."""
        return next((user for user in self._config.tokens.values() if user.name == name), None)

    def issue(self, user: User) -> Token:
        """A token for a user of the cluster file."""
        end = time.monotonic() + self._config.token_seconds
        if self._static:
            return Token(next(text for text, known in self._config.tokens.items() if known is user), end)
        text = f"ya29.{secrets.token_urlsafe(24)}"
        self._issued[text] = user, end
        return Token(text, end)
