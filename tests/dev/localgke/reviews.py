"""Imitates SelfSubjectReviews and SelfSubjectAccessReviews."""

from __future__ import annotations

from typing import Any

from localgke.config import User
from localgke.errors import ApiError

ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
PATHS = (ACCESS, SELF)


def answer(path: str, user: User, review: Any) -> dict[str, Any]:
    """Returns the review with its status. Raises BadRequest for an access review of anything but a resource."""
    if path == SELF:
        return {**review, "status": {"userInfo": {"username": user.name, "groups": ["system:authenticated"]}}}
    attributes = review.get("spec", {}).get("resourceAttributes")
    if not attributes:
        raise ApiError("BadRequest", "localgke imitates access reviews of resources only")
    return {**review, "status": {"allowed": user.may(attributes["verb"])}}
