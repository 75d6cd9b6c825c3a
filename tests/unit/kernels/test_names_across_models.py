"""One module under many names: heads, bases known by shapes alone, and names that transformers gave up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from kernels.formats.base_shapes import BaseShapes
from kernels.formats.transformers_names import current_name, known_prefixes, prefix_of
from tests.unit.kernels.cases import BASE_CONFIGS, codes, inspect

BODY = {
    "embeddings.word_embeddings.weight": [20, 8],
    "encoder.layer.0.attention.self.query.weight": [8, 8],
    "encoder.layer.0.attention.self.query.bias": [8],
}
VIT_OLD = "vit.encoder.layer.3.attention.attention.query"
VIT_NEW = "vit.layers.3.attention.q_proj"


def lora(folder: Path, modules: dict[str, tuple[int, int]], **config: Any) -> Path:
    """A LoRA folder of rank 2 with one update (d_out, d_in) for each module."""
    tensors = {}
    for module, (d_out, d_in) in modules.items():
        tensors[f"base_model.model.{module}.lora_A.weight"] = np.ones((2, d_in), "f4")
        tensors[f"base_model.model.{module}.lora_B.weight"] = np.ones((d_out, 2), "f4")
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    table = {
        "peft_type": "LORA",
        "r": 2,
        "lora_alpha": 2,
        "target_modules": sorted({m.rsplit(".", 1)[-1] for m in modules}),
    }
    (folder / "adapter_config.json").write_text(json.dumps(table | config), "utf-8")
    return folder


@pytest.mark.parametrize("prefix", ["bert", "roberta", "electra", "mpnet", "wav2vec2", "esm"])
@pytest.mark.parametrize("has_prefix", [True, False])
def test_a_shape_table_alone_tolerates_any_models_prefix_on_either_side(prefix: str, has_prefix: bool) -> None:
    table = {f"{prefix}.{name}": shape for name, shape in BODY.items()} if has_prefix else BODY
    base = BaseShapes.from_parameter_shapes(table, id="tiny/x")
    for path in ("encoder.layer.0.attention.self.query", f"{prefix}.encoder.layer.0.attention.self.query"):
        assert base.find(path) is not None, path


@pytest.mark.parametrize(
    "path", ["vision_tower.encoder.layer.0.attention.self.query", "decoder.layer.0.attention.self.query"]
)
def test_a_part_of_a_model_is_no_prefix(path: str) -> None:
    assert BaseShapes.from_parameter_shapes(BODY, id="tiny/x").find(path) is None


def test_a_known_architecture_tolerates_its_own_prefix_alone() -> None:
    base = BaseShapes.from_parameter_shapes(BODY, config={"model_type": "bert"}, id="tiny/x")
    assert base.find("bert.encoder.layer.0.attention.self.query")
    assert base.find("roberta.encoder.layer.0.attention.self.query") is None


@pytest.mark.parametrize(("model_type", "prefix"), [
    ("bert", "bert"), ("xlm-roberta", "roberta"), ("gpt2", "transformer"), ("llama", "model"), ("new-type", "new_type"),
    (None, None),
])  # fmt: skip
def test_prefixes_are_those_of_transformers(model_type: str | None, prefix: str | None) -> None:
    assert prefix_of(model_type) == prefix
    assert "encoder" not in known_prefixes()


@pytest.mark.parametrize(("file_has", "base_has"), [(VIT_OLD, VIT_NEW), (VIT_NEW, VIT_OLD), (VIT_OLD, VIT_OLD)])
def test_a_vit_adapter_fits_whichever_names_it_and_its_base_have(file_has: str, base_has: str, tmp_path: Path) -> None:
    table = {f"{base_has.removeprefix('vit.')}.weight": [8, 8]}
    base = BaseShapes.from_parameter_shapes(table, config={"model_type": "vit", "hidden_size": 8}, id="tiny/vit")
    result = inspect(lora(tmp_path / "a", {file_has: (8, 8)}), base=base)
    assert (result.verdict, result.facts["base"]["confirmed"]) == ("accepted", True)
    assert codes(result, "warning") == ({"former_names"} if file_has == VIT_OLD else set())


def test_a_current_name_stays_as_it_is() -> None:
    assert current_name(VIT_OLD, "vit") == VIT_NEW
    assert current_name(VIT_NEW, "vit") == VIT_NEW
    assert current_name(VIT_OLD, "bert") == current_name(VIT_OLD, None) == VIT_OLD


def test_former_names_on_another_width_are_still_refused(tmp_path: Path) -> None:
    base = BaseShapes.from_parameter_shapes({"layers.3.attention.q_proj.weight": [8, 8]}, config={"model_type": "vit"})
    assert "shape_mismatch" in codes(inspect(lora(tmp_path / "a", {VIT_OLD: (12, 12)}), base=base))


def test_a_conv1d_is_seen_from_its_bias_without_a_config(tmp_path: Path) -> None:
    table = {"h.0.attn.c_attn.weight": [8, 24], "h.0.attn.c_attn.bias": [24]}
    base = BaseShapes.from_parameter_shapes(table, id="tiny/gpt2")
    assert base.modules["h.0.attn.c_attn"].kind == "conv1d"
    result = inspect(lora(tmp_path / "a", {"transformer.h.0.attn.c_attn": (24, 8)}), base=base)
    assert (result.verdict, result.facts["base"]["confirmed"]) == ("accepted", True)


def test_a_projection_with_a_bias_is_no_embedding_whatever_its_name() -> None:
    table = {"encoder.embedding_hidden_mapping_in.weight": [8, 4], "encoder.embedding_hidden_mapping_in.bias": [8]}
    assert BaseShapes.from_parameter_shapes(table).modules["encoder.embedding_hidden_mapping_in"].kind == "linear"


@pytest.mark.parametrize("part", ["classification_head.dense", "pooler.dense", "bert.pooler.dense", "head.dense"])
def test_updates_of_a_task_head_that_the_base_lacks_are_the_adapters_own(part: str, tmp_path: Path) -> None:
    base = BaseShapes.from_parameter_shapes(BODY, config={"model_type": "bert"}, id="tiny/x")
    body = "bert.encoder.layer.0.attention.self.query"
    assert inspect(lora(tmp_path / "a", {body: (8, 8), part: (8, 8)}), base=base).verdict == "accepted"
    assert codes(inspect(lora(tmp_path / "b", {body: (8, 8), "encoder.layer.0.head": (8, 8)}), base=base)) == {
        "module_unknown"
    }


def test_the_names_are_those_of_the_installed_transformers() -> None:
    transformers = pytest.importorskip("transformers", reason="the names are read from transformers' own classes")
    from scripts.make_transformers_names import TARGET, renames

    table = json.loads(TARGET.read_text("utf-8"))
    if table["transformers_version"] != transformers.__version__:
        pytest.skip(f"the names are of transformers {table['transformers_version']}, not {transformers.__version__}")
    assert table["renames"] == renames()
    for model_type in BASE_CONFIGS:
        assert table["prefixes"][model_type] == prefix_of(model_type)
