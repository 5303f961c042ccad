"""What the scripts know about Kubernetes Jobs, in Python: everything that is data."""
