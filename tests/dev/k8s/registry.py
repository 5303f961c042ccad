"""The image registry of the cluster: serves an OCI layout with the part of the distribution API that a pull needs.

It serves as every registry: containerd sends the name of the registry in `ns`. An image that the layout lacks is not
found; an image of cluster.yaml's brokenImages is forbidden.

The protocol: https://github.com/opencontainers/distribution-spec, spec.md.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from aiohttp import web

from k8s.images import NAME, full_name


def make_app(layout: Path, broken: Collection[str]) -> web.Application:
    """Returns the registry as an aiohttp application. Raises OSError without a layout."""
    registry = _Registry(layout, {full_name(name) for name in broken})
    app = web.Application()
    app.router.add_get("/v2/{repository:.+}/manifests/{reference}", registry.manifest)
    app.router.add_get("/v2/{repository:.+}/blobs/{digest}", registry.blob)
    return app


class _Registry:
    def __init__(self, layout: Path, broken: set[str]):
        self._blobs = layout / "blobs"
        self._broken = broken
        manifests = json.loads((layout / "index.json").read_text())["manifests"]
        self._tags = {manifest["annotations"][NAME]: manifest for manifest in manifests}
        self._digests = {manifest["digest"]: manifest for manifest in manifests}

    async def manifest(self, request: web.Request) -> web.StreamResponse:
        reference = request.match_info["reference"]
        name = f"{request.query.get('ns', 'docker.io')}/{request.match_info['repository']}:{reference}"
        if name in self._broken:
            return _error(403, "DENIED", f"{name} may not be pulled")
        manifest = self._digests.get(reference) or self._tags.get(name)
        if manifest is None:
            return _error(404, "MANIFEST_UNKNOWN", f"{name} is not an image of this cluster")
        return self._file(manifest["digest"], manifest["mediaType"])

    async def blob(self, request: web.Request) -> web.StreamResponse:
        return self._file(request.match_info["digest"], "application/octet-stream")

    def _file(self, digest: str, media_type: str) -> web.StreamResponse:
        path = self._blobs / digest.replace(":", "/")
        if not path.exists():
            return _error(404, "BLOB_UNKNOWN", f"{digest} is not found")
        return web.FileResponse(path, headers={"Content-Type": media_type, "Docker-Content-Digest": digest})


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)
