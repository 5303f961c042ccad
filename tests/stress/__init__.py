"""Runs of many Jobs that are disturbed at random."""
