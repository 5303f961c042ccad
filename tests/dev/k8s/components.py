"""The programs of a Kubernetes node, with their flags. Paths are those inside the namespaces (see `enter`)."""

from __future__ import annotations

import csv
import secrets
from pathlib import Path

from localgke import access
from localgke.config import Config

NODE = "node-1"
NODE_ADDRESS = "10.64.0.1"
API_SERVER = ("127.0.0.1", 6443)
ETCD = ("127.0.0.1", 2379)
CONFIGURATION = "/run/k8s/etc"

# Clients of the API server, each with its user and groups.
CLIENTS = {
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "admin": ("admin", "system:masters"),
}


def commands(cgroup: str) -> dict[str, list[str]]:
    """Returns the command line of each component; `cgroup` is the parent of all Pods' cgroups."""
    etcd_url = f"http://{ETCD[0]}:{ETCD[1]}"
    return {
        "etcd": [
            "kubernetes",
            "etcd",
            "--data-dir=/var/lib/etcd",
            f"--listen-client-urls={etcd_url}",
            f"--advertise-client-urls={etcd_url}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",  # the data need not survive a crash of the machine
        ],
        "containerd": ["containerd", f"--config={CONFIGURATION}/containerd.toml"],
        "kube-apiserver": [
            "kubernetes",
            "kube-apiserver",
            f"--etcd-servers={etcd_url}",
            f"--secure-port={API_SERVER[1]}",
            f"--advertise-address={NODE_ADDRESS}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-cluster-ip-range=10.64.2.0/24",
            "--tls-cert-file=server.pem",
            "--tls-private-key-file=server.key",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=Node,RBAC",
            # For aggregated API servers, such as Kueue's: the identity of this server, and of the user.
            "--proxy-client-cert-file=server.pem",
            "--proxy-client-key-file=server.key",
            "--requestheader-client-ca-file=ca.pem",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--enable-admission-plugins=NodeRestriction",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=server.pem",
            "--service-account-signing-key-file=server.key",
        ],
        "kube-controller-manager": [
            "kubernetes",
            "kube-controller-manager",
            "--kubeconfig=kube-controller-manager.kubeconfig",
            "--leader-elect=false",
            "--use-service-account-credentials",
            "--service-account-private-key-file=server.key",
            "--root-ca-file=ca.pem",
            "--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins",
        ],
        "kube-scheduler": ["kubernetes", "kube-scheduler", f"--config={CONFIGURATION}/scheduler.yaml"],
        "coredns": ["coredns", f"-conf={CONFIGURATION}/Corefile"],
        "kubelet": [
            "kubernetes",
            "kubelet",
            f"--config={CONFIGURATION}/kubelet.yaml",
            "--kubeconfig=kubelet.kubeconfig",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
            "--node-labels=cloud.google.com/gke-nodepool=default-pool",
            f"--cgroup-root=/{cgroup}",
        ],
    }


def write_credentials(state: Path, config: Config) -> None:
    """Writes `tokens.csv`, the users of the API server, and NAME.kubeconfig for each of CLIENTS into `state`."""
    users = [(token, user.name, "") for token, user in config.tokens.items()]
    server = f"{API_SERVER[0]}:{API_SERVER[1]}"
    for client, (user, groups) in CLIENTS.items():
        token = secrets.token_urlsafe()
        users.append((token, user, groups))
        access.write_kubeconfig(state / f"{client}.kubeconfig", server, state / "ca.pem", token)
    with access.private(state / "tokens.csv").open("w", newline="") as file:
        csv.writer(file).writerows((token, name, name, groups) for token, name, groups in users)
