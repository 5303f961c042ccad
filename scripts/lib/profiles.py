"""The profile table, `templates/profiles.yaml`: which machine a kind of work needs, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from render_error import BAD_INPUT, RenderError

FIELDS = {"node_selector": dict, "tolerations": list, "resources": dict}


def read_profile(table: Path, name: str) -> dict[str, Any]:
    """Look `name` up in the file `table`; RenderError when it is unknown or not of the schema documented there."""
    try:
        profiles = yaml.safe_load(table.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise RenderError(BAD_INPUT, f"cannot read the profiles, {table}: {error}, correct the file") from None
    if not isinstance(profiles, dict):
        raise RenderError(BAD_INPUT, f"profiles are not a mapping, {table}, give each profile a name")
    if name not in profiles:
        known = ", ".join(map(str, profiles))
        raise RenderError(BAD_INPUT, f"unknown profile, {name!r}, take one of: {known}")
    profile = profiles[name]
    if not isinstance(profile, dict):
        raise RenderError(BAD_INPUT, f"profile is not a mapping, {name} in {table}, give {', '.join(FIELDS)}")
    for field, value in profile.items():
        if not isinstance(value, FIELDS.get(field, ())):
            shapes = ", ".join(f"{known} ({kind.__name__})" for known, kind in FIELDS.items())
            raise RenderError(BAD_INPUT, f"bad field {field!r}, profile {name} in {table}, it may have: {shapes}")
    return profile
