"""GKEStartJobOperator of Google's Airflow provider, at the cluster of the tests."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path

from airflow.providers.google.cloud.operators.kubernetes_engine import GKEStartJobOperator

TOKEN = Path(os.environ["CLOUDSDK_CONFIG"]).with_name("token")  # of the first user


class AtStandIn(GKEStartJobOperator):
    """Asks the GKE API of the stand-in for the cluster.

    Google's client asks that of container.UNIVERSE alone, by gRPC with TLS; this is the same call over HTTP, with the
    client's own credentials.
    """

    @property
    def cluster_info(self) -> tuple[str, str]:
        api = os.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER"]
        path = f"v1/projects/{self.project_id}/locations/{self.location}/clusters/{self.cluster_name}"
        request = urllib.request.Request(f"{api}{path}", headers={"Authorization": f"Bearer {TOKEN.read_text()}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            cluster = json.load(answer)
        return f"https://{cluster['endpoint']}", cluster["masterAuth"]["clusterCaCertificate"]
