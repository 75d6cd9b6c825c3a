"""The shape table of a base: the same module is found under every name that files give it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from kernels.formats.base_shapes import BaseShapes, ModuleShape
from kernels.formats.errors import FormatError
from tests.unit.kernels.cases import BASE_CONFIGS

LINEAR = {
    "encoder.layer.0.q.weight": [8, 8],
    "encoder.layer.0.q.bias": [8],
    "word_embeddings.weight": [20, 8],
    "cls_token": [1, 1, 8],
}


def table(config: dict[str, Any], shapes: dict[str, Any] | None = None) -> BaseShapes:
    return BaseShapes.from_parameter_shapes(shapes or LINEAR, config=config, id="tiny/x")


def test_parameters_become_modules_with_kinds() -> None:
    modules = table({"model_type": "bert", "hidden_size": 8}).modules
    assert modules == {
        "encoder.layer.0.q": ModuleShape("linear", (8, 8), True),
        "word_embeddings": ModuleShape("embedding", (20, 8)),
        "cls_token": ModuleShape("parameter", (1, 1, 8)),
    }


@pytest.mark.parametrize("path", ["encoder.layer.0.q", "bert.encoder.layer.0.q", "model.encoder.layer.0.q"])
def test_a_head_models_prefix_is_stripped(path: str) -> None:
    found = table({"model_type": "bert"}).find(path)
    assert found is not None
    assert found[0] == "encoder.layer.0.q"


@pytest.mark.parametrize("path", ["encoder.layer.0.q", "bert.encoder.layer.0.q"])
def test_a_head_models_prefix_is_added(path: str) -> None:
    shapes = {f"bert.{name}": shape for name, shape in LINEAR.items()}
    found = table({"model_type": "bert"}, shapes).find(path)
    assert found is not None
    assert found[0] == "bert.encoder.layer.0.q"


@pytest.mark.parametrize(
    "path", ["q", "layer.0.q", "roberta.encoder.layer.0.q", "encoder.layer.1.q", "decoder.layer.0.q", ""]
)
def test_another_module_is_not_mistaken_for_it(path: str) -> None:
    assert table({"model_type": "bert"}).find(path) is None


def test_an_output_head_tied_to_the_embeddings_is_known() -> None:
    shapes = {"model.embed_tokens.weight": [50, 8], "model.layers.0.q.weight": [8, 8]}
    found = table({"model_type": "llama"}, shapes).find("lm_head")
    assert found is not None
    assert (found[1].d_out, found[1].d_in) == (50, 8)


def test_conv1d_keeps_its_weight_as_in_by_out() -> None:
    row = table({"model_type": "gpt2"}, {"h.0.attn.c_attn.weight": [8, 24]}).modules["h.0.attn.c_attn"]
    assert (row.kind, row.d_in, row.d_out) == ("conv1d", 8, 24)


def test_the_json_form_is_stable_and_its_digest_is_of_shapes_alone() -> None:
    first = table({"model_type": "bert"})
    again = BaseShapes.from_dict(json.loads(json.dumps(first.as_dict())))
    renamed = BaseShapes.from_dict(first.as_dict() | {"id": "other/name", "revision": "v2"})
    assert again == first
    assert again.digest == first.digest == renamed.digest
    assert table({"model_type": "bert"}, {**LINEAR, "cls_token": [1, 1, 9]}).digest != first.digest


@pytest.mark.parametrize("broken", [
    {}, {"format_version": 2}, {"format_version": 1, "modules": []},
    {"format_version": 1, "modules": {"a": {"kind": "linear", "shape": "8", "has_bias": 0}}},
])  # fmt: skip
def test_a_broken_table_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(FormatError) as caught:
        BaseShapes.from_dict(broken)
    assert caught.value.code == "shapes_malformed"


@pytest.mark.parametrize("shape", ["8", [1.5], [-1], None, [2] * 9, [True]])
def test_a_shape_that_is_no_list_of_sizes_is_refused(shape: Any) -> None:
    with pytest.raises(FormatError) as caught:
        BaseShapes.from_parameter_shapes({"a.weight": shape})
    assert (caught.value.code, caught.value.tensor) == ("shapes_malformed", "a.weight")


def test_a_model_folder_is_read_without_its_weights_shards_included(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1}))
    save_file({"encoder.layer.0.q.weight": np.zeros((8, 8), "f4")}, tmp_path / "model-1.safetensors")
    save_file({"word_embeddings.weight": np.zeros((20, 8), "f4")}, tmp_path / "model-2.safetensors")
    save_file({"stray.weight": np.zeros((2, 2), "f4")}, tmp_path / "adapter_model.safetensors")
    index = {
        "weight_map": {
            "encoder.layer.0.q.weight": "model-1.safetensors",
            "word_embeddings.weight": "model-2.safetensors",
        }
    }
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    found = BaseShapes.from_safetensors_folder(tmp_path, id="tiny/x")
    assert set(found.modules) == {"encoder.layer.0.q", "word_embeddings"}
    assert (found.hidden_size, found.num_layers, found.prefix) == (8, 1, "bert")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        BaseShapes.from_safetensors_folder(tmp_path)
    assert caught.value.code == "base_not_found"


@pytest.mark.parametrize("name", sorted(BASE_CONFIGS))
def test_a_saved_model_and_its_config_give_the_same_shapes(
    name: str, tmp_path: Path, base_of: Callable[[str], BaseShapes]
) -> None:
    import transformers

    config = transformers.AutoConfig.for_model(**BASE_CONFIGS[name])
    getattr(transformers, BASE_CONFIGS[name]["architectures"][0])._from_config(config).save_pretrained(tmp_path)
    saved, built = BaseShapes.from_safetensors_folder(tmp_path), base_of(name)
    for path, row in saved.modules.items():
        if row.kind != "parameter":
            found = built.find(path)
            assert found is not None, path
            assert (found[1].kind, found[1].shape) == (row.kind, row.shape)


@pytest.mark.parametrize(
    "config", [{"model_type": "no-such-model"}, {}, {"model_type": "bert", "hidden_size": -3}, {"model_type": 7}]
)
def test_a_config_that_builds_no_model_is_refused(config: dict[str, Any]) -> None:
    pytest.importorskip("torch", reason="building base shapes needs torch")
    from kernels.meta_shapes import shape_table_from_config

    with pytest.raises(FormatError) as caught:
        shape_table_from_config(config)
    assert caught.value.code == "architecture_unknown"


def test_remote_code_in_a_base_config_is_never_followed() -> None:
    pytest.importorskip("torch", reason="building base shapes needs torch")
    from kernels.meta_shapes import shape_table_from_config

    config = {**BASE_CONFIGS["bert"], "auto_map": {"AutoModel": "evil--repo.X"}, "trust_remote_code": True}
    config["_attn_implementation_internal"] = "evil/kernel"
    assert shape_table_from_config(config, id="x").find("encoder.layer.0.attention.self.query")
