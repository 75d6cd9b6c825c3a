"""A tensor that is missing, foreign, of another shape, or changed on the way is named; nothing half is returned."""

from __future__ import annotations

import json
from pathlib import Path

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from kernels.stitch.errors import CannotStitch, StitchIncomplete
from kernels.stitch.landing import check_every_tensor_landed
from kernels.stitch.loading import load_adapter
from kernels.stitch.model_class import choose_model_class, label_count

HALF = "base_model.model.transformer.h.1.attn.c_attn.lora_B.weight"


@pytest.fixture
def adapter(gpt2_folder: Path, tmp_path: Path) -> Path:
    """Return the folder of a LoRA adapter whose B is not zero."""
    torch.manual_seed(5)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["c_attn"], init_lora_weights=False)
    base = transformers.AutoModelForCausalLM.from_pretrained(gpt2_folder)
    peft.get_peft_model(base, config).save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def rewrite(adapter: Path, **changes: torch.Tensor | None) -> None:
    weights = adapter / "adapter_model.safetensors"
    tensors = load_file(weights) | changes
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, weights)


def test_a_missing_half_is_named(adapter: Path, gpt2_folder: Path):
    rewrite(adapter, **{HALF: None})
    with pytest.raises(StitchIncomplete) as caught:
        load_adapter(gpt2_folder, adapter)
    assert (caught.value.code, caught.value.tensor) == ("stitch_incomplete", HALF)


def test_a_tensor_without_a_place_is_named(adapter: Path, gpt2_folder: Path):
    foreign = HALF.replace("h.1", "h.7")
    rewrite(adapter, **{foreign: torch.ones(96, 4)})
    with pytest.raises(StitchIncomplete) as caught:
        load_adapter(gpt2_folder, adapter)
    assert caught.value.tensor == foreign


def test_another_base_model_is_refused(adapter: Path, bert_folder: Path):
    with pytest.raises(CannotStitch) as caught:
        load_adapter(bert_folder, adapter)
    assert caught.value.code in ("adapter_does_not_fit", "base_not_found")


def test_a_single_changed_bit_in_the_model_is_found(adapter: Path, gpt2_folder: Path):
    stitched = load_adapter(gpt2_folder, adapter)
    tensors = load_file(adapter / "adapter_model.safetensors")
    with torch.no_grad():
        held = stitched.base_model.model.transformer.h[1].attn.c_attn.lora_B["default"].weight
        held[0, 0] = torch.nextafter(held[0, 0], torch.tensor(2.0))
    with pytest.raises(StitchIncomplete) as caught:
        check_every_tensor_landed(stitched, tensors)
    assert caught.value.tensor == HALF


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("megatron_config", {"hidden_size": 1}, "setting_refused"),
        ("peft_type", "XLORA", "needs_other_files"),
        ("peft_type", None, "not_peft"),
        ("task_type", "JUGGLING", "unknown_task_type"),
    ],
)
def test_a_config_that_reaches_out_of_its_folder_is_refused(
    setting: str, value: object, code: str, adapter: Path, gpt2_folder: Path
):
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {setting: value}))
    with pytest.raises(CannotStitch) as caught:
        load_adapter(gpt2_folder, adapter)
    assert caught.value.code == code


def test_a_pickle_is_never_opened(adapter: Path, gpt2_folder: Path):
    tensors = load_file(adapter / "adapter_model.safetensors")
    torch.save(tensors, adapter / "adapter_model.bin")
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(CannotStitch) as caught:
        load_adapter(gpt2_folder, adapter)
    assert caught.value.code == "not_peft"


def test_a_model_that_carries_an_adapter_is_refused(adapter: Path, gpt2_folder: Path):
    once = load_adapter(gpt2_folder, adapter)
    with pytest.raises(CannotStitch) as caught:
        load_adapter(once.get_base_model(), adapter)
    assert caught.value.code == "already_adapted"


def test_the_last_layer_of_a_head_counts_the_labels():
    roberta = {
        "base_model.model.classifier.dense.weight": (32, 32),
        "base_model.model.classifier.out_proj.weight": (7, 32),
    }
    assert label_count(roberta) == 7
    assert label_count({"base_model.model.score.weight": (3, 32)}) == 3
    assert label_count({"base_model.model.h.0.lora_A.weight": (4, 32)}) is None


def test_a_class_that_transformers_does_not_have_is_not_looked_for_elsewhere():
    config = {"task_type": None, "auto_mapping": {"base_model_class": "os", "parent_library": "os"}}
    assert choose_model_class(config, {})[0] is transformers.AutoModel
