"""Access to a cluster: the credentials that are used, and the kubeconfigs that are cached for the next run."""
