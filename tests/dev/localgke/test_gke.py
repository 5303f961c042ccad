import shutil

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("gcloud"), reason="needs gcloud")

GET_CREDENTIALS = ("gcloud", "container", "clusters", "get-credentials")


def get_credentials(cluster, tmp_path, *, name="ml-cluster", project="localgke-project", token="admin-token"):
    (tmp_path / "token").write_text(token)
    env = {"KUBECONFIG": str(tmp_path / "kubeconfig"), "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(tmp_path / "token")}
    command = (*GET_CREDENTIALS, name, "--location", "europe-west4", "--project", project)
    return cluster.run(*command, **env), env


@pytest.mark.skipif(not shutil.which("gke-gcloud-auth-plugin"), reason="needs gke-gcloud-auth-plugin")
def test_gcloud_writes_a_kubeconfig_with_which_kubectl_works(cluster, tmp_path):
    done, env = get_credentials(cluster, tmp_path)
    assert done.returncode == 0, done.stderr
    got = cluster.run("kubectl", "get", "namespaces", "--output", "name", **env)
    assert "namespace/default" in got.stdout, got.stderr


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"name": "nope"},
            "code=404, message=Not found: projects/localgke-project/locations/europe-west4/clusters/nope.",
        ),
        ({"project": "other-project"}, 'code=403, message=Required "container.clusters.get" permission(s) for'),
        ({"token": "outsider-token"}, 'code=403, message=Required "container.clusters.get" permission(s) for'),
        ({"token": "nobody"}, "invalid authentication credentials"),
    ],
)
def test_gcloud_reports_the_errors_of_the_gke_api(cluster, tmp_path, wrong, said):
    done, _ = get_credentials(cluster, tmp_path, **wrong)
    assert done.returncode == 1
    assert said in done.stderr
