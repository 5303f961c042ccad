"""Why a Job is pending, running or failed, as text."""
