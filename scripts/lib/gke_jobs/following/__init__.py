"""Follows a Job: takes events of Kubernetes, yields log lines and a verdict."""
