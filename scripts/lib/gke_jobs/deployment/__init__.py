"""What deploy-dags copies to a bucket, and what it removes there."""
