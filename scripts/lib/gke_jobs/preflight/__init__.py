"""The checks of check-setup: what a Job needs of this machine, the account and the cluster."""
