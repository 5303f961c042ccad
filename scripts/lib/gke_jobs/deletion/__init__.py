"""Deletion of Jobs: which may be deleted, and when they have been removed."""
