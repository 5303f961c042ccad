"""Whether a Job is created, attached to or replaced, and what it owns."""
