"""A proxy before a cluster that breaks things on demand; see README.md."""
