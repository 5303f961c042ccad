"""The profile tables, templates/profiles.yaml and those laid over it: which machine a kind of work needs, as data."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from gke_jobs.rendering.render_error import BAD_INPUT, USAGE, RenderError
from gke_jobs.rendering.templating import Rendered
from gke_jobs.rendering.values import Json
from gke_jobs.rendering.yaml_document import read_documents

SPOT = "-spot"
GKE = "cloud.google.com/"
GPU = "nvidia.com/gpu"
QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|[MGTPE]|[KMGTPE]i)?")
POWERS = {"m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}

NAME = re.compile("[A-Za-z0-9][-A-Za-z0-9_.]*")

Profile = dict[str, Json]

# What a template sees where no profile was asked for.
NO_PROFILE: Profile = {
    "name": None,
    "node_selector": {},
    "tolerations": [],
    "resources": {},
    "max_run_seconds": None,
    "gpu_count": None,
}


def choose_profile(
    files: list[Path], *, profile: str | None, profile_for: str | None, after: str | None, after_oom: str | None
) -> Profile:
    """Return what a template sees of the profile that the options of render-job ask for; RenderError otherwise.

    `files` are the tables, those of a later file before those of an earlier one.
    """
    if profile is not None and profile_for is not None:
        raise RenderError(USAGE, "--profile and --profile-for both choose a profile: give one of them")
    if profile is None and profile_for is None:
        return NO_PROFILE
    table = Profiles(*files)
    name = table.for_size(profile_for) if profile_for is not None else str(profile)
    if last := after_oom or after:
        name = table.after(name, last, larger=after_oom is not None)
    return table.resolve(name)


def _is_number(value: Json) -> bool:
    return type(value) is int and value > 0


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and value != ""


def _is_quantity(value: Json) -> bool:
    return type(value) in (int, float, str) and QUANTITY.fullmatch(str(value)) is not None


def _is_mapping(value: Json, **fields: Callable[[Json], bool]) -> bool:
    return isinstance(value, dict) and all(key in fields and fields[key](item) for key, item in value.items())


def _is_resources(value: Json) -> bool:
    def are_quantities(given: Json) -> bool:
        return isinstance(given, dict) and all(map(_is_quantity, given.values()))

    return _is_mapping(value, requests=are_quantities, limits=are_quantities)


# What each field of a profile is, in words and as a check.
FIELDS: dict[str, tuple[str, Callable[[Json], bool]]] = {
    "resources": ("requests and limits, each a mapping of resource to quantity, e.g. 500m or 12Gi", _is_resources),
    "gpu": (
        "type, GKE's name of the accelerator, and count, a whole number above 0",
        lambda value: value != {} and _is_mapping(value, type=_is_text, count=_is_number),
    ),
    "spot": ("true or false", lambda value: isinstance(value, bool)),
    "local_ssd": ("a quantity, e.g. 300Gi", _is_quantity),
    "compute_class": ("the name of a ComputeClass", _is_text),
    "node_selector": (
        "a mapping of label to text",
        lambda value: isinstance(value, dict) and all(isinstance(text, str) for text in value.values()),
    ),
    "tolerations": (
        "a list of tolerations, each a mapping as in Kubernetes",
        lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
    ),
    "max_run_seconds": ("a whole number above 0", _is_number),
    "next": ("the name of a profile", _is_text),
}


class Profiles:
    """The profiles and size tables of some files; those of a later file replace those of an earlier one."""

    def __init__(self, *files: Path) -> None:
        """Read `files`; RenderError when one is not of the schema in the head of templates/profiles.yaml."""
        self._profiles: dict[str, Profile] = {}
        self._sizes: dict[str, list[dict[str, Json]]] = {}
        self._sources: dict[str, Path] = {}
        for file in files:
            self._add(file)
        for name in self._profiles:
            self._check_next(name)
        for table, rows in self._sizes.items():
            self._check_rows(table, rows)

    def resolve(self, name: str) -> Profile:
        """Return what a template sees of the profile `name`: every field there, empty where the profile has none."""
        profile = self._find(name)
        selector: dict[str, str] = {}
        tolerations: list[Json] = []
        requests, limits = (dict(profile.get("resources", {}).get(key, {})) for key in ("requests", "limits"))
        gpu_count = profile["gpu"].get("count", 1) if "gpu" in profile else None
        if "compute_class" in profile:
            selector[f"{GKE}compute-class"] = profile["compute_class"]
            tolerations.append(_taint(f"{GKE}compute-class", profile["compute_class"]))
        if gpu_count:
            if "type" in profile["gpu"]:
                selector[f"{GKE}gke-accelerator"] = profile["gpu"]["type"]
            tolerations.append(_taint(GPU, "present"))
            requests[GPU] = limits[GPU] = str(gpu_count)
        if profile.get("spot"):
            selector[f"{GKE}gke-spot"] = "true"
            tolerations.append(_taint(f"{GKE}gke-spot", "true"))
        if "local_ssd" in profile:
            selector[f"{GKE}gke-ephemeral-storage-local-ssd"] = "true"
            requests["ephemeral-storage"] = profile["local_ssd"]
        resources = {"requests": requests, "limits": limits}
        return {
            "name": name,
            "node_selector": selector | profile.get("node_selector", {}),
            "tolerations": tolerations + profile.get("tolerations", []),
            "resources": {key: quantities for key, quantities in resources.items() if quantities},
            "max_run_seconds": profile.get("max_run_seconds"),
            "gpu_count": gpu_count,
        }

    def for_size(self, size: str) -> str:
        """Return the smallest profile for `size`, e.g. bytes=73G: a table and a quantity."""
        table, _, quantity = size.partition("=")
        if not _is_quantity(quantity):
            raise RenderError(USAGE, f"--profile-for is {size!r}, no TABLE=QUANTITY, write e.g. bytes=73G")
        if table not in self._sizes:
            known = ", ".join(self._sizes) or "none"
            raise RenderError(BAD_INPUT, f"unknown size table, {table!r}, take one of: {known}")
        for row in self._sizes[table]:
            if "at_most" not in row or _amount(quantity) <= _amount(row["at_most"]):
                return str(row["profile"])
        raise RenderError(
            BAD_INPUT,
            f"no profile is large enough, {size}, {self._sources[f'sizes.{table}']} has none above {row['at_most']}: "
            "add a row to sizes, e.g. in a --profiles FILE",
        )

    def after(self, first: str, last: str, *, larger: bool) -> str:
        """Return what follows when a task that asks for `first` last had `last`: the same, or the next `larger` one.

        Where `first` does not lead to `last`, the task asks for something else than before, and gets it.
        """
        chain = self._chain(first)
        if last not in chain:
            return first
        return chain[min(chain.index(last) + larger, len(chain) - 1)]

    def _add(self, file: Path) -> None:
        content = _read(file)
        if not _is_mapping(content, profiles=lambda _: True, sizes=lambda _: True):
            raise RenderError(BAD_INPUT, f"profiles are not as documented, {file}, its keys are profiles and sizes")
        for key, into in (("profiles", self._profiles), ("sizes", self._sizes)):
            entries = content.get(key, {})
            if not isinstance(entries, dict):
                raise RenderError(BAD_INPUT, f"{key} is not a mapping, {file}, give each of them a name")
            for name, entry in entries.items():
                into[name] = entry
                self._sources[f"{key}.{name}"] = file
        for name in content.get("profiles", {}):
            self._check_profile(name)

    def _check_profile(self, name: str) -> None:
        profile = self._profiles[name]
        if not NAME.fullmatch(name):
            raise self._bad(name, "has a bad name", "take letters, digits, dots, dashes and underscores")
        if not isinstance(profile, dict):
            raise self._bad(name, "is not a mapping", f"its fields are {', '.join(FIELDS)}")
        for field, value in profile.items():
            if field not in FIELDS:
                raise self._bad(name, f"has an unknown field {field}", f"its fields are {', '.join(FIELDS)}")
            words, check = FIELDS[field]
            if not check(value):
                raise self._bad(name, f"has a bad {field}", f"it is {words}")
        if "compute_class" in profile:
            for field, given in (
                ("spot", profile.get("spot")),
                ("gpu.type", profile.get("gpu", {}).get("type")),
                ("local_ssd", profile.get("local_ssd")),
            ):
                if given:
                    raise self._bad(name, f"has compute_class and {field}", "leave that to the ComputeClass")

    def _check_next(self, name: str) -> None:
        last, seen = name, {name}
        while following := self._profiles[last].get("next"):
            if following not in self._profiles:
                raise self._bad(name, f"leads to {following!r}, which is no profile", f"next is {FIELDS['next'][0]}")
            if following in seen:
                raise self._bad(name, f"leads to {following} again", "let next go from small to large")
            seen.add(following)
            last = following

    def _check_rows(self, table: str, rows: Json) -> None:
        def bad(what: str) -> RenderError:
            fix = "write rows {at_most: QUANTITY, profile: NAME} from small to large; only the last may lack at_most"
            return RenderError(BAD_INPUT, f"size table {table} {what}, {self._sources[f'sizes.{table}']}, {fix}")

        if not isinstance(rows, list) or not rows:
            raise bad("is no list of rows")
        largest = Decimal(-1)
        for number, row in enumerate(rows, start=1):
            if not _is_mapping(row, at_most=_is_quantity, profile=_is_text) or "profile" not in row:
                raise bad(f"has a bad row {number}")
            if "at_most" in row:
                if _amount(row["at_most"]) <= largest:
                    raise bad(f"does not grow in row {number}")
                largest = _amount(row["at_most"])
            elif number < len(rows):
                raise bad(f"has no at_most in row {number}")
            self._find(row["profile"], f", size table {table} in {self._sources[f'sizes.{table}']}")

    def _find(self, name: str, where: str = "") -> Profile:
        if name in self._profiles:
            return self._profiles[name]
        base = name.removesuffix(SPOT)
        if base == name or base not in self._profiles:
            known = ", ".join(self._profiles)
            advice = f"take one of: {known}; or NAME{SPOT} for spot nodes"
            raise RenderError(BAD_INPUT, f"unknown profile, {name!r}{where}, {advice}")
        if "compute_class" in self._profiles[base]:
            raise self._bad(base, "has a compute_class", f"that decides about spot nodes, take it without {SPOT}")
        return self._profiles[base] | {"spot": True}

    def _chain(self, name: str) -> list[str]:
        """The profile `name` and all larger ones, on spot nodes where `name` is, unless a ComputeClass decides that."""
        chain, profile = [name], self._find(name)
        spot = SPOT if name not in self._profiles else ""
        while following := profile.get("next"):
            profile = self._profiles[following]
            chain.append(following if "compute_class" in profile else f"{following}{spot}")
        return chain

    def _bad(self, name: str, what: str, fix: str) -> RenderError:
        return RenderError(BAD_INPUT, f"profile {name} {what}, {self._sources[f'profiles.{name}']}, {fix}")


def _read(file: Path) -> Json:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RenderError(BAD_INPUT, f"cannot read the profiles, {file}: {error}, name a YAML file") from None
    places = [f"{file} line {number}" for number in range(1, text.count("\n") + 2)]
    documents = read_documents(Rendered(text=text, placeholder=re.compile("(?!)"), values=[], places=places))
    return documents[0] if len(documents) == 1 else None


def _amount(quantity: Json) -> Decimal:
    number, suffix = QUANTITY.fullmatch(str(quantity)).groups(default="")  # type: ignore[union-attr] # it was checked
    power = POWERS[suffix.removesuffix("i").replace("K", "k")]
    return Decimal(number) * Decimal(1024 if suffix.endswith("i") else 1000) ** power


def _taint(key: str, value: str) -> dict[str, str]:
    return {"key": key, "operator": "Equal", "value": value, "effect": "NoSchedule"}
