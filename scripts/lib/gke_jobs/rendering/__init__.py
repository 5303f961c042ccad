"""Renders values and templates to a manifest."""
