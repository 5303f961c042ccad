"""A proxy in front of a test cluster that injects faults; see README.md."""
