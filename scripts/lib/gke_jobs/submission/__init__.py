"""Decides whether a Job is created, attached to or replaced, and manages the objects that it owns."""
