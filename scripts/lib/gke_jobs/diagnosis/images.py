"""Why an image cannot be pulled, in short: the name and the reason come first, which registries put last."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gke_jobs.containers import containers
from gke_jobs.event_times import last_seen
from gke_jobs.json_access import Json, text_at
from gke_jobs.plain_text import one_line

PULLS = re.compile(r"Image|RegistryUnavailable|SignatureValidationFailed")  # reasons of a container to wait
# Texts around the reason, besides the names of the image.
WRAPPING = re.compile(r"ErrImagePull: |rpc error: code = \w+ desc = |failed to resolve image: ")


@dataclass(frozen=True)
class ImageProblem:
    """message: `image NAME: why`; container: `container main: ErrImagePull`."""

    message: str
    container: str


def image_problem(pod: Json, events: Iterable[Json]) -> ImageProblem | None:
    """Return the trouble of the first container whose image cannot be pulled, None if there is no such container.

    events: of the Pod. They have the reason if the container does not report it between two tries
    """
    of_events = [one_line(text_at(event, "message")) for event in sorted(events, key=last_seen, reverse=True)]
    for one in containers(pod):
        image, reason = one_line(text_at(one.spec, "image")), one_line(text_at(one.waiting, "reason"))
        if image and PULLS.search(reason):
            messages = [one_line(text_at(one.waiting, "message"))]
            messages += [text for text in of_events if text.startswith("Failed to pull image") and image in text]
            why = next(filter(None, (_why(message, image) for message in messages)), reason)
            return ImageProblem(f"image {image}: {why}", f"{one.kind} {one_line(one.name)}: {reason}")
    return None


def _why(message: str, image: str) -> str:
    named = rf"\S*{re.escape(image)}(?::latest)?"
    message = WRAPPING.sub("", message)
    message = re.sub(rf'[^:"]*"{named}"(?:: | |$)', "", message)
    return re.sub(rf"(?<!\S){named}: ", "", message).strip()
