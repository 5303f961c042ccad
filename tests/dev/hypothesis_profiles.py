"""The profiles of the property-based tests: `part` by default, `whole` for `make fuzz`."""

from pathlib import Path

from hypothesis import Phase, configuration, settings

configuration.set_hypothesis_home_dir(Path(__file__).parents[2] / ".build" / "hypothesis")
common = settings(database=None, deadline=None, phases=[Phase.explicit, Phase.generate, Phase.shrink])
settings.register_profile("part", common, max_examples=20, derandomize=True)
settings.register_profile("whole", common, max_examples=210, print_blob=True)
settings.load_profile("part")


def examples(*, part: int, whole: int) -> int:
    """Return the number of examples in the current profile, for a test that does not use the profile's own number."""
    return whole if settings().max_examples == settings.get_profile("whole").max_examples else part
