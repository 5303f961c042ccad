"""The stand-in for the tests of the stress runs."""

from localgke.conftest import cluster

__all__ = ["cluster"]  # a fixture of this directory too
