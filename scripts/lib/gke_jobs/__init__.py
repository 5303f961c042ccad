"""The Python part of the scripts: everything that processes data of Kubernetes Jobs."""
