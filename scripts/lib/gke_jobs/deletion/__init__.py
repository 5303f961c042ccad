"""Deleting Jobs: which may be deleted, and when they are gone."""
