"""A kubeconfig that gcloud has written: whether it leads to the cluster, and the arguments of its plugin."""

import pytest

from gke_jobs.access import kubeconfig_check, plugin


def test_a_kubeconfig_that_leads_through_a_proxy_is_believed():
    assert kubeconfig_check.is_usable("    server: https://127.0.0.1:1", {"HTTPS_PROXY": "http://proxy"})
    assert not kubeconfig_check.is_usable("    server: https://127.0.0.1:1", {})
    assert not kubeconfig_check.is_usable("", {"HTTPS_PROXY": "http://proxy"})


WRITTEN = """users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
{}      command: gke-gcloud-auth-plugin
      provideClusterInfo: true
"""


@pytest.mark.parametrize("before", ["", "      args:\n      - --use_application_default_credentials\n      - --x\n"])
def test_the_plugin_has_exactly_the_arguments_that_it_is_given(before):
    new = plugin.with_arguments(WRITTEN.format(before), ["--a=b", "--c"])
    assert new == WRITTEN.format('      args:\n      - "--a=b"\n      - "--c"\n')


@pytest.mark.parametrize("text", ["", "    token: x\n", WRITTEN.format("") * 2])
def test_a_kubeconfig_of_another_form_is_refused(text):
    with pytest.raises(ValueError, match="has no user whose command is"):
        plugin.with_arguments(text, ["--a"])
