import pytest
import yaml

from localgke import config
from localgke.config import ConfigError


def test_the_default_file_describes_the_pools_tokens_and_images_that_the_examples_need():
    loaded = config.load()
    pools = {pool.name: pool for pool in loaded.node_pools}
    gpu = pools["gpu-l4-pool"]
    assert gpu.size == 0
    assert gpu.max_size == 1
    assert gpu.taints == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    assert gpu.allocatable["nvidia.com/gpu"] == "1"
    assert [name for name, pool in pools.items() if pool.spot] == [
        "default-spot-pool",
        "highmem-spot-pool",
        "gpu-l4-spot-pool",
    ]
    assert loaded.images["train-model:1"].mounts["/app"].is_absolute()
    assert loaded.tokens["viewer-token"].may("watch")
    assert not loaded.tokens["viewer-token"].may("create")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"project": None}, "project is missing"),
        ({"projct": "x"}, "projct is not a key of this file"),
        ({"version": 1.32}, "version must be a text (in quotes?), not 1.32"),
        ({"tokens": {}}, "tokens must name at least one token"),
        ({"tokens": {"t": {"user": "u", "verbs": "get"}}}, "tokens.t.verbs must be a list, not 'get'"),
        ({"namespaces": [1]}, "namespaces must be a list of texts"),
        ({"settings": {"backoffSeconds": -1}}, "settings.backoffSeconds must not be negative, not -1.0"),
        ({"nodePools": [{"name": "p"}]}, "nodePools[0].size is missing"),
        ({"nodePools": [{"name": "p", "size": 2, "maxSize": 1}]}, "nodePools[0].maxSize must be at least size, 2"),
        ({"nodePools": [{"name": "p", "size": 1, "taints": ["x"]}]}, "taints must be a list of key=value:Effect"),
        ({"images": {"i": {"app": "x"}}}, "images.i must map absolute mount points to directories"),
        ({"images": []}, "images must be a mapping, not []"),
    ],
)
def test_a_wrong_key_is_named_with_the_file_and_what_is_expected(tmp_path, change, said):
    values = {**yaml.safe_load(config.DEFAULT.read_text()), **change}
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("text", [None, "a: [", "- a"])
def test_a_file_that_is_no_mapping_in_yaml_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "cluster.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
