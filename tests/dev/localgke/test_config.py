import pytest
import yaml

from localgke import config
from localgke.config import ConfigError

POOL = {"name": "p", "size": 2, "maxSize": 2, "allocatable": {}}


def test_the_default_file_describes_the_pools_tokens_and_images_that_the_examples_need():
    loaded = config.load()
    pools = {pool.name: pool for pool in loaded.node_pools}
    gpu = pools["gpu-l4-pool"]
    assert (gpu.size, gpu.max_size) == (0, 1)
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
        ({"project": None}, "project must be a text (in quotes?), not None"),
        ({"projct": "x"}, "projct is not a key of this file"),
        ({"tokens": {}}, "tokens must name at least one token"),
        ({"tokens": {"t": {"name": "u", "verbs": "get"}}}, "tokens.t.verbs must be a list, not 'get'"),
        ({"namespaces": [1]}, "namespaces[0] must be a text (in quotes?), not 1"),
        ({"settings": {"backoffSeconds": -1}}, "settings.imagePullBackoffSeconds is missing"),
        ({"nodePools": [{**POOL, "scaleUpSeconds": -1}]}, "scaleUpSeconds must be a number of at least 0, not -1.0"),
        ({"nodePools": [{"name": "p"}]}, "nodePools[0].size is missing"),
        ({"nodePools": [{**POOL, "maxSize": 1}]}, "maxSize of the node pool p must be at least its size, 2"),
        (
            {"nodePools": [{**POOL, "taints": [{"key": "x"}]}]},
            "taints of the node pool p must have key, value and effect",
        ),
        ({"images": {"i": []}}, "images.i must be a mapping, not []"),
    ],
)
def test_a_wrong_key_is_named_with_the_file_and_the_expected_value(tmp_path, change, said):
    values = {**yaml.safe_load(config.DEFAULT.read_text()), **change}
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("text", [None, "a: [", "- a"])
def test_a_file_that_is_not_a_yaml_mapping_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "cluster.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
