"""The profile tables, templates/profiles.yaml and files that override it: the machines for kinds of work."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from gke_jobs.price import Price
from gke_jobs.quantities import quantity
from gke_jobs.rendering.last_attempt import LastAttempt
from gke_jobs.rendering.prices import check_prices, price_of
from gke_jobs.rendering.profile import (
    NO_PROFILE,
    Profile,
    check_profile,
    conflict_with_spot,
    is_mapping,
    is_quantity,
    is_text,
    resolve,
)
from gke_jobs.rendering.render_error import BAD_INPUT, USAGE, RenderError
from gke_jobs.rendering.templating import Rendered
from gke_jobs.rendering.values import Json
from gke_jobs.rendering.yaml_document import read_documents

SPOT = "-spot"
KEYS = ("profiles", "sizes", "prices")  # of a file
NAME = re.compile("[A-Za-z0-9][-A-Za-z0-9_.]*")


class Choice(NamedTuple):
    """The form of a profile in templates, and the price of its Pod, None if the team has no prices."""

    profile: Profile
    price: Price | None


def choose_profile(
    files: list[Path], *, profile: str | None, profile_for: str | None, last: LastAttempt | None
) -> Choice:
    """Return the profile that the options of render-job ask for; RenderError otherwise.

    `files` are the tables, those of a later file before those of an earlier one.
    """
    if profile is not None and profile_for is not None:
        raise RenderError(USAGE, "--profile and --profile-for both choose a profile", fix="give one of them")
    if profile is None and profile_for is None:
        return Choice(NO_PROFILE, None)
    table = Profiles(*files)
    name = table.for_size(profile_for) if profile_for is not None else str(profile)
    if last is not None:
        name = table.after(name, last)
    return Choice(table.resolve(name), table.price(name))


class Profiles:
    """The profiles and size tables of some files; those of a later file replace those of an earlier one."""

    def __init__(self, *files: Path) -> None:
        """Read `files`; RenderError if one does not conform to the schema in the head of templates/profiles.yaml."""
        self._profiles: dict[str, Profile] = {}
        self._sizes: dict[str, list[dict[str, Json]]] = {}
        self._prices: Json = None
        self._sources: dict[str, Path] = {}
        for file in files:
            self._add(file)
        for name in self._profiles:
            self._check_next(name)
            self._check_fallback(name)
        for table, rows in self._sizes.items():
            self._check_rows(table, rows)
        if self._prices is not None and (problem := check_prices(self._prices, self._profiles)):
            raise RenderError(BAD_INPUT, problem.what, where=self._sources["prices"], fix=problem.fix)

    def names(self) -> list[str]:
        """Return the names of the profiles, without the NAME-spot forms."""
        return list(self._profiles)

    def resolve(self, name: str) -> Profile:
        """Return the form of the profile `name` in templates."""
        return resolve(name, self._find(name))

    def price(self, name: str) -> Price | None:
        """Return the price of a Pod of the profile `name`; None if there are no prices at all."""
        base = name if name in self._profiles else name.removesuffix(SPOT)
        return None if self._prices is None else price_of(self._prices, base)

    def for_size(self, size: str) -> str:
        """Return the smallest profile for `size`, e.g. bytes=73G: a table and a quantity."""
        table, _, text = size.partition("=")
        wanted = quantity(text)
        if wanted is None or wanted < 0:
            raise RenderError(USAGE, f"--profile-for is {size!r}, not TABLE=QUANTITY", fix="write e.g. bytes=73G")
        if table not in self._sizes:
            known = ", ".join(self._sizes) or "none"
            raise RenderError(BAD_INPUT, f"unknown size table {table!r}", fix=f"use one of: {known}")
        for row in self._sizes[table]:
            most = quantity(row.get("at_most"))
            if most is None or wanted <= most:
                return str(row["profile"])
        raise RenderError(
            BAD_INPUT,
            f"no profile is large enough for {size}: the largest size is {row['at_most']}",
            where=self._sources[f"sizes.{table}"],
            fix="add a row to sizes, e.g. in a --profiles FILE",
        )

    def after(self, first: str, last: LastAttempt) -> str:
        """Return the profile after the last attempt of a task that requests `first`: the same, a larger, a fallback.

        If `first` does not lead to the profile of the last attempt, the task has changed its request: return `first`.
        """
        previous = last.profile
        if previous not in self._reachable(first, last):
            return first
        if last.oom and (larger := self._larger(previous, first)):
            return larger
        if last.unscheduled or last.lost >= self._find(previous).get("fallback_after", 1):
            return self._fallback(previous) or previous
        return previous

    def _add(self, file: Path) -> None:
        content = _read(file)
        if not is_mapping(content, **dict.fromkeys(KEYS, lambda _: True)):
            what = "there are no profiles" if not content else "profiles have an invalid format"
            fix = f"give a mapping with the keys {', '.join(KEYS)}, or some of them"
            raise RenderError(BAD_INPUT, what, where=file, fix=fix)
        for key, into in (("profiles", self._profiles), ("sizes", self._sizes)):
            entries = content.get(key, {})
            if not isinstance(entries, dict):
                fix = "write a mapping with names as keys"
                raise RenderError(BAD_INPUT, f"{key} is not a mapping", where=file, fix=fix)
            for name, entry in entries.items():
                into[name] = entry
                self._sources[f"{key}.{name}"] = file
        for name in content.get("profiles", {}):
            self._check_profile(name)
        if "prices" in content:
            self._prices, self._sources["prices"] = content["prices"], file

    def _check_profile(self, name: str) -> None:
        profile = self._profiles[name]
        if not NAME.fullmatch(name):
            raise self._profile_error(name, "has an invalid name", "use letters, digits, dots, dashes and underscores")
        if problem := check_profile(profile):
            raise self._profile_error(name, *problem)

    def _check_next(self, name: str) -> None:
        last, seen = name, {name}
        while following := self._profiles[last].get("next"):
            what = f"has next {following!r}, which"
            if following not in self._profiles:
                raise self._profile_error(last, f"{what} is not a profile", f"use one of: {', '.join(self._profiles)}")
            if following in seen:
                raise self._profile_error(last, f"{what} leads back to {last}", "order next from small to large")
            seen.add(following)
            last = following

    def _check_fallback(self, name: str) -> None:
        fallback = self._fallback(name)
        if fallback == name:
            raise self._profile_error(name, "falls back to itself", "use the name of another profile")
        if fallback:
            self._find(fallback, f"{self._sources[f'profiles.{name}']}: fallback of {name}")

    def _check_rows(self, table: str, rows: Json) -> None:
        def bad(what: str) -> RenderError:
            fix = "write rows {at_most: QUANTITY, profile: NAME} from small to large, and omit at_most only in the last"
            return RenderError(BAD_INPUT, f"size table {table} {what}", where=self._sources[f"sizes.{table}"], fix=fix)

        if not isinstance(rows, list) or not rows:
            raise bad("is not a list of rows")
        largest = Decimal(-1)
        for number, row in enumerate(rows, start=1):
            if not is_mapping(row, at_most=is_quantity, profile=is_text) or "profile" not in row:
                raise bad(f"has an invalid row {number}")
            most = quantity(row.get("at_most"))
            if most is not None:
                if most <= largest:
                    raise bad(f"is not in ascending order in row {number}")
                largest = most
            elif number < len(rows):
                raise bad(f"has no at_most in row {number}")
            self._find(row["profile"], f"{self._sources[f'sizes.{table}']}: size table {table}")

    def _find(self, name: str, where: str = "") -> Profile:
        if name in self._profiles:
            return self._profiles[name]
        base = name.removesuffix(SPOT)
        if base == name or base not in self._profiles:
            known = ", ".join(self._profiles)
            fix = f"use one of: {known}, or NAME{SPOT} for spot nodes"
            raise RenderError(BAD_INPUT, f"unknown profile {name!r}", where=where, fix=fix)
        if field := conflict_with_spot(self._profiles[base]):
            what = f"has {field}, which cannot be combined with spot nodes"
            raise self._profile_error(base, what, f"use it without {SPOT}")
        return self._profiles[base] | {"spot": True}

    def _reachable(self, name: str, last: LastAttempt) -> set[str]:
        """Return the profile `name` and all profiles that its retries may use."""
        reached, left = {name}, [name]
        while left:
            known = left.pop()
            following = {
                *([self._larger(known, name)] if last.escalate else []),
                *([self._fallback(known)] if last.fallback else []),
            }
            left += following - reached - {""}
            reached |= following
        return reached

    def _larger(self, name: str, first: str) -> str:
        """Return the next larger profile or '': on spot nodes if `name` is, or if it cannot be and `first` is."""
        profile = self._find(name)
        following = str(profile.get("next", ""))
        is_spot = (first if conflict_with_spot(profile) else name) not in self._profiles
        return (
            f"{following}{SPOT}"
            if following and is_spot and not conflict_with_spot(self._profiles[following])
            else following
        )

    def _fallback(self, name: str) -> str:
        """Return the profile to use if `name` gets no nodes or loses them; '' for none."""
        if name not in self._profiles:
            return name.removesuffix(SPOT)
        return str(self._profiles[name].get("fallback", ""))

    def _profile_error(self, name: str, what: str, fix: str) -> RenderError:
        return RenderError(BAD_INPUT, f"profile {name} {what}", where=self._sources[f"profiles.{name}"], fix=fix)


def _read(file: Path) -> Json:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        what = f"cannot read the profiles: {error.strerror}"
        raise RenderError(BAD_INPUT, what, where=file, fix="name a YAML file") from None
    except UnicodeDecodeError as error:
        raise RenderError(BAD_INPUT, f"cannot read the profiles: {error}", where=file, fix="save it as UTF-8") from None
    places = [f"{file} line {number}" for number in range(1, text.count("\n") + 2)]
    documents = read_documents(Rendered(text=text, placeholder=re.compile("(?!)"), values=[], names=[], places=places))
    return documents[0] if len(documents) == 1 else documents
