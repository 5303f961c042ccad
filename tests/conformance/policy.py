"""Prints templates/policy.yaml for policy.bats, as JSON: restricted to one namespace, with other names in its lists.

python policy.py POLICY-FILE NAMESPACE USER GROUP    USER and GROUP replace the last entry of the two lists
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

USER, GROUP = "COMPOSER-SERVICE-ACCOUNT@PROJECT.iam.gserviceaccount.com", "GROUP@DOMAIN"


def main() -> None:
    """Print the policy and its binding."""
    file, namespace, user, group = sys.argv[1:]
    text = Path(file).read_text()
    for placeholder in (USER, GROUP):
        if text.count(placeholder) != 1:
            sys.exit(f"{file} does not have {placeholder} once")
    policy, binding = yaml.safe_load_all(text.replace(USER, user).replace(GROUP, group))
    policy["metadata"]["name"] = binding["metadata"]["name"] = binding["spec"]["policyName"] = namespace
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding["spec"]["matchResources"] = {"namespaceSelector": selector}
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": [policy, binding]}))


if __name__ == "__main__":
    main()
