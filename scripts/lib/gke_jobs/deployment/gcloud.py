"""The calls of gcloud while a deployment waits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gke_jobs import exit_codes
from gke_jobs.deployment.deployed import Deployed, read_pointer
from gke_jobs.deployment.unanswered import DeniedError, UnansweredError
from gke_jobs.error_texts import from_gcloud
from gke_jobs.errors import Verdict, classify, sentence
from gke_jobs.messages import die
from gke_jobs.plain_text import one_line
from gke_jobs.programs import SECONDS, run

NO_OBJECT = "matched no objects or files"  # in the words of gcloud
TOKEN = re.compile(r"[\x21-\x7e]+")


def access_token(seconds: float) -> str:
    """Return a token of gcloud's account. It stays in this process: never in an argument, variable, file or log."""
    token = _gcloud("auth", "print-access-token", seconds=seconds).strip()
    if not TOKEN.fullmatch(token):
        raise UnansweredError("gcloud has no token")
    return token


@dataclass(frozen=True)
class Pointer:
    """The file in the bucket that names the release. address: gs://...; deployed: its expected content."""

    address: str
    deployed: Deployed

    def check(self, seconds: float) -> None:
        """Return if its content is as expected. ScriptError if not, UnansweredError if it cannot be read."""
        try:
            found = read_pointer(_gcloud("storage", "cat", self.address, seconds=seconds))
        except ValueError:
            found = Deployed()
        except UnansweredError as error:
            if NO_OBJECT not in str(error):
                raise
            found = Deployed()
        if found.releases != self.deployed.releases:
            die(
                exit_codes.DATA,
                f"DAGs do not use release {self.deployed.current} any more: {self.address} now names "
                f"{found.current or 'no release'}, set by another deployment or --use; to use {self.deployed.current}, "
                "run this again",
            )


def _gcloud(*arguments: str, seconds: float) -> str:
    """Return the output of gcloud. UnansweredError if it fails or does not end within so many seconds."""
    done = run(["gcloud", *arguments], seconds=min(seconds, SECONDS))
    if done.status == 0:
        return done.stdout
    meaning = classify(from_gcloud(done.stderr, arguments[0]))
    if meaning.verdict in (Verdict.LOGIN, Verdict.DENIED):
        raise DeniedError(f"gcloud {' '.join(arguments[:2])}: {sentence(meaning)}")
    raise UnansweredError(f"gcloud {' '.join(arguments[:2])}: {one_line(done.stderr) or 'no answer'}")
