"""The profiles of the property-based tests."""

import hypothesis_profiles  # noqa: F401 # loads them
