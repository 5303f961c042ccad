"""A real single-node Kubernetes for the tests, without Docker and without an image registry."""
