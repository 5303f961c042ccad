"""A Job and a request about it, for the tests of submission and deletion."""

from gke_jobs.submission.decisions import Attach, Facts, Replace, Request

UID = "11111111-1111-1111-1111-111111111111"


def there(*conditions, **fields):
    return Facts(**{"uid": UID, "identity": "me", "hash": "aaaa", "conditions": frozenset(conditions)} | fields)


def asked(**fields):
    return Request(**{"name": "train", "identity": "me", "hash": "aaaa"} | fields)


OTHER = {"hash": "bbbb"}
CLEARED = {"cleared": True, "replaces_running": True, "try_number": 3}
ATTACH, COLLECT, REPLACE = Attach(UID, creates_owned=True), Attach(UID, creates_owned=False), Replace(UID)


FAILED = {"profile": "small", "conditions": frozenset({"Failed"})}


def job_object(**metadata):
    return {"kind": "Job", "metadata": {"uid": UID, "name": "train", **metadata}, "status": {}}
