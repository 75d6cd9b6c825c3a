"""What is in a PEFT save beside plain pairs: copies, prompts, biases, and configurations that say too little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("peft", reason="real saves need PEFT")
from peft import LoraConfig

from tests.unit.kernels.cases import BASE_CONFIGS, codes, fill, inspect, reconfigure, rewrite

Save = Callable[..., Path]
QV = ["q_proj", "v_proj"]
STEM = "base_model.model.model.layers.0.self_attn.q_proj"


def test_a_prompt_methods_classifier_is_its_head(save_peft: Save, base_of: Any) -> None:
    from peft import PromptTuningConfig

    config = PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=4)
    folder = save_peft("bert", config, task="AutoModelForSequenceClassification")
    result = inspect(folder, base=base_of("bert"))
    assert (result.verdict, codes(result), result.disagreements) == ("accepted", set(), [])
    assert (result.facts["head_parameters"], [head["module"] for head in result.facts["heads"]]) == (66, ["classifier"])


def test_a_prompt_of_another_width_is_refused(save_peft: Save, base_of: Any) -> None:
    from peft import PromptTuningConfig

    from kernels.meta_shapes import expected_peft_shapes

    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    folder = save_peft("llama", config, hidden_size=64)
    assert codes(inspect(folder, base=base_of("llama"))) == {"shape_mismatch"}
    stored = __import__("json").loads((folder / "adapter_config.json").read_text("utf-8"))
    assert expected_peft_shapes(BASE_CONFIGS["llama"], stored) == {"prompt_embeddings": (4, 32)}


def test_a_full_copy_of_a_base_module_has_its_shape(save_peft: Save, base_of: Any) -> None:
    config = LoraConfig(task_type="CAUSAL_LM", target_modules=["v_proj"], modules_to_save=["q_proj", "norm"])
    folder = save_peft("llama", config)
    assert inspect(folder, base=base_of("llama")).verdict == "accepted"
    rewrite(folder, lambda t: t.update({f"{STEM}.weight": np.ones((16, 16), "f4")}))
    findings = inspect(folder, base=base_of("llama")).findings
    assert [(f.code, f.tensor, f.expected) for f in findings] == [("shape_mismatch", f"{STEM}.weight", [32, 32])]


def test_an_update_of_a_resized_embedding_goes_by_the_table_in_the_file(save_peft: Save, base_of: Any) -> None:
    config = LoraConfig(task_type="CAUSAL_LM", target_modules=["embed_tokens", "lm_head", "q_proj"])
    folder = save_peft("llama", config, vocab_size=107)
    result = inspect(folder, base=base_of("llama"))
    assert (result.verdict, codes(result, "warning")) == ("accepted", {"embedding_rows_differ"})


def test_a_bias_of_the_update_is_a_change(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV, lora_bias=True))
    rewrite(folder, lambda t: fill(t, "lora_B.weight", 0))
    assert inspect(folder).verdict == "accepted"
    rewrite(folder, lambda t: fill(t, "lora_B.bias", 0))
    assert codes(inspect(folder)) == {"changes_nothing"}


def test_alpha_0_changes_nothing(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    reconfigure(folder, lora_alpha=0)
    assert codes(inspect(folder)) == {"changes_nothing"}


def test_another_methods_modules_must_be_in_a_base_known_by_shapes_alone(save_peft: Save) -> None:
    from peft import IA3Config

    from kernels.formats.base_shapes import BaseShapes

    config = IA3Config(task_type="CAUSAL_LM", target_modules=["k_proj"], feedforward_modules=[])
    folder = save_peft("llama", config, num_hidden_layers=2)
    table = {f"layers.{n}.self_attn.k_proj.weight": [16, 32] for n in (0, 1)}
    assert inspect(folder, base=BaseShapes.from_parameter_shapes(table)).verdict == "accepted"
    del table["layers.1.self_attn.k_proj.weight"]
    assert codes(inspect(folder, base=BaseShapes.from_parameter_shapes(table))) == {"module_unknown"}


def test_peft_tensors_without_a_peft_type_are_refused(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    reconfigure(folder, peft_type=...)
    assert codes(inspect(folder)) == {"config_value_refused"}
    evil = {"base_model_class": "X", "parent_library": "os.path"}
    reconfigure(folder, peft_type=..., auto_mapping=evil)
    messages = [finding.message for finding in inspect(folder).findings]
    assert any("auto_mapping.parent_library" in message for message in messages), messages


def test_a_malformed_configuration_is_not_called_missing(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    (folder / "adapter_config.json").write_text("{", "utf-8")
    assert codes(inspect(folder)) == {"config_malformed"}


def test_a_git_lfs_pointer_is_called_by_its_name(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
    (folder / "adapter_model.safetensors").write_text(pointer, "utf-8")
    assert ["Git LFS" in finding.message for finding in inspect(folder).findings] == [True]
