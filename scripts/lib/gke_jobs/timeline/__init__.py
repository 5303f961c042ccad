"""The record of a run: its events and times; and the outputs from it: timeline, summary, report."""
