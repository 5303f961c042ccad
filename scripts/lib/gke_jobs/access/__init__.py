"""The way to a cluster: whose credentials are used, and the kubeconfigs that are kept for the next run."""
