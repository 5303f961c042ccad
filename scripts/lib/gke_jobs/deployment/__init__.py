"""The logic of deploy-dags: what it copies to a bucket, what it removes there, and how it waits for Airflow."""
