"""Prints the objects for rbac.bats as JSON: ServiceAccounts, each bound to the shipped Role without one verb.

python roles.py ROLE-FILE NAMESPACE    `everything` has the whole Role, `VERB-RESOURCE` the Role without that verb
python roles.py --list ROLE-FILE       prints the verbs of the Role, a line each: VERB RESOURCE
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
GROUP = "rbac.authorization.k8s.io"


def verbs(role: Object) -> list[tuple[str, str]]:
    """Return verb and resource of all permissions of the Role."""
    return [(verb, resource) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]]


def without(role: Object, verb: str, resource: str) -> Object:
    """Return the Role without one verb on one resource."""
    less = copy.deepcopy(role)
    for rule in less["rules"]:
        if rule["resources"] == [resource]:
            rule["verbs"].remove(verb)
    less["rules"] = [rule for rule in less["rules"] if rule["verbs"]]
    return less


def account(name: str, role: Object, namespace: str) -> list[Object]:
    """Return a ServiceAccount, a Role of the same name, and their RoleBinding."""
    metadata = {"name": name, "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {**role, "metadata": metadata},
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def main() -> None:
    """Print the objects, or the verbs."""
    if sys.argv[1] == "--list":
        for verb, resource in verbs(yaml.safe_load(Path(sys.argv[2]).read_text())):
            print(verb, resource)
        return
    role, namespace = yaml.safe_load(Path(sys.argv[1]).read_text()), sys.argv[2]
    items = account("everything", role, namespace)
    for verb, resource in verbs(role):
        items += account(f"{verb}-{resource.replace('/', '-')}", without(role, verb, resource), namespace)
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


if __name__ == "__main__":
    main()
