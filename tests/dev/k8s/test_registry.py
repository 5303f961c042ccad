"""The image registry with the requests of containerd: for the manifest of a tag, then for its blobs by digest."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest
from aiohttp import test_utils

from k8s import images, registry


@pytest.fixture
def layout(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "program").write_text("hello")
    image = images.Image([images.layer(tmp_path / "root")], {"Cmd": ["/program"]})
    images.write(tmp_path / "images", {"docker.io/library/busybox:latest": image})
    return tmp_path / "images"


def get(layout, *paths):
    """Returns status, headers and body of the answers."""

    async def ask():
        app = registry.make_app(layout, ["private.example/model:1"])
        async with test_utils.TestClient(test_utils.TestServer(app)) as client:
            answers = [await client.get(path) for path in paths]
            return [(answer.status, answer.headers, await answer.read()) for answer in answers]

    return asyncio.run(ask())


def test_a_tag_returns_the_manifest_and_its_digests_return_the_blobs(layout):
    [(status, headers, body)] = get(layout, "/v2/library/busybox/manifests/latest?ns=docker.io")
    assert (status, headers["Content-Type"]) == (200, "application/vnd.oci.image.manifest.v1+json")
    digest = headers["Docker-Content-Digest"]
    manifest = json.loads(body)
    blobs = [manifest["config"], *manifest["layers"]]
    again, *rest = get(
        layout,
        f"/v2/library/busybox/manifests/{digest}?ns=docker.io",
        *(f"/v2/library/busybox/blobs/{blob['digest']}?ns=docker.io" for blob in blobs),
    )
    assert (again[0], again[2]) == (200, body)
    for blob, (status, _, content) in zip(blobs, rest, strict=True):
        assert status == 200
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == blob["digest"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("library/busybox/manifests/1.0?ns=docker.io", 404, "MANIFEST_UNKNOWN"),
        ("library/busybox/manifests/latest?ns=ghcr.io", 404, "MANIFEST_UNKNOWN"),
        ("library/busybox/blobs/sha256:0?ns=docker.io", 404, "BLOB_UNKNOWN"),
        ("model/manifests/1?ns=private.example", 403, "DENIED"),
    ],
)
def test_missing_objects_have_the_error_code_of_the_specification(layout, path, status, code):
    [(answered, _, body)] = get(layout, f"/v2/{path}")
    assert answered == status
    assert json.loads(body)["errors"][0]["code"] == code
