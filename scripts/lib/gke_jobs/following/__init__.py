"""Following a Job: events of Kubernetes in, log lines and a verdict out."""
