"""Runs many Jobs with random faults."""
