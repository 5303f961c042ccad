"""A connection to an API server that answers from a dictionary."""

from urllib.parse import unquote

from gke_jobs.errors import Answer, ApiError, Meaning, Verdict

VERDICTS = {404: Verdict.ABSENT, 403: Verdict.DENIED, 500: Verdict.TRANSIENT, 503: Verdict.TRANSIENT}


def classify(answer):
    """The meaning of an error, in few words."""
    verdict = VERDICTS.get(answer.code, Verdict.CONFIG)
    return Meaning(verdict=verdict, message=answer.message, advice="ask for a Role")


def error(code, message="it is so"):
    return ApiError(Answer(code=code, reason="", message=message))


class FakeConnection:
    """Answers by path: a value, bytes for a log, an exception, a function of the query, or a list of pages."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def get_json(self, path, query=None, seconds=30.0, most=None):
        return self._answer(path, query or {})

    def get_bytes(self, path, query=None, seconds=30.0):
        return self._answer(path, query or {})

    def _answer(self, path, query):
        self.asked.append((path, dict(query)))
        answer = self.answers.get(unquote(path), error(404))
        if callable(answer):
            answer = answer(query)
        if isinstance(answer, Exception):
            raise answer
        return answer
