"""Real PEFT saves of tiny random models: typed from their tensors, confirmed against their base, accepted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("peft", reason="real saves need PEFT")
from peft import LoraConfig

from tests.unit.kernels.cases import BASE_CONFIGS, codes, fill, inspect, reconfigure, rename, rewrite

Save = Callable[..., Path]
QV = ["q_proj", "v_proj"]

VARIANTS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "plain": ("llama", "CAUSAL_LM", {"r": 8, "target_modules": QV}, {"rank": 8, "scaling": 1.0, "options": []}),
    "rslora": (
        "llama",
        "CAUSAL_LM",
        {"r": 4, "lora_alpha": 16, "use_rslora": True, "target_modules": QV},
        {"rank": 4, "scaling": 8.0, "options": ["rslora"]},
    ),
    "dora": ("llama", "CAUSAL_LM", {"use_dora": True, "target_modules": QV}, {"options": ["dora"]}),
    "patterns": (
        "llama",
        "CAUSAL_LM",
        {"r": 4, "lora_alpha": 8, "target_modules": QV, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 16}},
        {"rank": 4, "ranks": {"2": 2, "4": 2}, "scaling": 4.0, "options": ["dynamic-rank-lora"]},
    ),
    "all-linear": (
        "llama",
        "CAUSAL_LM",
        {"r": 2, "target_modules": "all-linear"},
        {
            "target_modules": ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
            "modules": 14,
        },
    ),
    "regex": (
        "llama",
        "CAUSAL_LM",
        {"r": 2, "target_modules": r".*layers\.1\..*(q|v)_proj"},
        {"target_modules": QV, "layers": [1]},
    ),
    "one layer": (
        "llama",
        "CAUSAL_LM",
        {"target_modules": QV, "layers_to_transform": [1]},
        {"layers": [1], "modules": 2},
    ),
    "bias": (
        "bert",
        "SEQ_CLS",
        {"target_modules": ["query"], "bias": "lora_only"},
        {"options": ["lora-bias"], "head_parameters": 66},
    ),
    "lora_bias": ("llama", "CAUSAL_LM", {"target_modules": QV, "lora_bias": True}, {"options": ["lora-bias"]}),
    "embedding": (
        "llama",
        "CAUSAL_LM",
        {"r": 4, "target_modules": ["embed_tokens", "q_proj"]},
        {"target_modules": ["embed_tokens", "q_proj"], "modules": 3},
    ),
    "embedding and head copies": (
        "llama",
        "CAUSAL_LM",
        {"target_modules": QV, "modules_to_save": ["embed_tokens", "lm_head"]},
        {"saved_modules": ["lm_head", "model.embed_tokens"], "saved_parameters": 6400, "heads": []},
    ),
    "trainable tokens": (
        "llama",
        "CAUSAL_LM",
        {"target_modules": QV, "trainable_token_indices": [3, 5]},
        {"options": ["lora-tokens"]},
    ),
    "lm_head": ("llama", "CAUSAL_LM", {"target_modules": ["lm_head"]}, {"target_modules": ["lm_head"]}),
    "gpt2 Conv1D": (
        "gpt2",
        "CAUSAL_LM",
        {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True},
        {"target_modules": ["c_attn", "c_proj"], "layers": [0, 1]},
    ),
    "bert head": (
        "bert",
        "SEQ_CLS",
        {"target_modules": ["query", "value"]},
        {"head_parameters": 66, "task_type": "SEQ_CLS"},
    ),
    "bert tokens": ("bert", "TOKEN_CLS", {"target_modules": ["query"]}, {"head_parameters": 66}),
    "bert answers": ("bert", "QUESTION_ANS", {"target_modules": ["query"]}, {"head_parameters": 66}),
    "pissa": ("llama", "CAUSAL_LM", {"target_modules": QV, "init_lora_weights": "pissa"}, {"options": ["pissa"]}),
    "olora": ("llama", "CAUSAL_LM", {"target_modules": QV, "init_lora_weights": "olora"}, {"options": ["olora"]}),
}
TASKS = {
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_lora_variant_is_typed_from_its_tensors_and_confirmed(variant: str, save_peft: Save, base_of: Any) -> None:
    base, task, options, wanted = VARIANTS[variant]
    folder = save_peft(base, LoraConfig(task_type=task, **options), task=TASKS[task])
    result = inspect(folder, base=base_of(base))
    assert (result.verdict, codes(result)) == ("accepted", set()), [f.message for f in result.findings]
    assert result.facts["method"] == "lora"
    assert result.facts["base"]["confirmed"] is True
    assert {key: result.facts[key] for key in wanted} == wanted
    assert result.disagreements == []


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_half_precision_files_are_read(dtype: str, save_peft: Save, base_of: Any) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    path = folder / "adapter_model.safetensors"
    kind = torch.float16 if dtype == "F16" else torch.bfloat16
    save_file({name: tensor.to(kind) for name, tensor in load_file(path).items()}, path)
    result = inspect(folder, base=base_of("llama"))
    assert (result.verdict, result.facts["dtypes"]) == ("accepted", {dtype: 8})


def test_spectra_are_those_of_the_scaled_update(save_peft: Save) -> None:
    from safetensors.numpy import load_file

    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=12, target_modules=["q_proj"]))
    tensors = load_file(folder / "adapter_model.safetensors")
    stem = "base_model.model.model.layers.0.self_attn.q_proj"
    dense = 3.0 * tensors[f"{stem}.lora_B.weight"] @ tensors[f"{stem}.lora_A.weight"]
    spectrum = inspect(folder).facts["spectrum"]["modules"]["model.layers.0.self_attn.q_proj"]
    assert spectrum["singular_values"] == pytest.approx(np.linalg.svd(dense, compute_uv=False)[:4], rel=1e-5)
    assert spectrum["norm"] == pytest.approx(np.linalg.norm(dense), rel=1e-5)


def test_files_of_peft_0_3_with_fewer_and_older_keys_pass(save_peft: Save, base_of: Any) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=32, target_modules=QV))
    old = {
        "base_model_name_or_path": "tiny/llama",
        "bias": "none",
        "enable_lora": None,
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "merge_weights": False,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": 8,
        "target_modules": QV,
        "task_type": "CAUSAL_LM",
    }
    (folder / "adapter_config.json").write_text(__import__("json").dumps(old), "utf-8")
    result = inspect(folder, base=base_of("llama"))
    assert (result.verdict, result.facts["scaling"], result.facts["peft_version"]) == ("accepted", 4.0, None)
    assert codes(result, "warning") == {"config_key_ignored"}


def test_a_table_without_the_head_models_prefix_still_fits(save_peft: Save, base_of: Any) -> None:
    from kernels.meta_shapes import shape_table_from_config

    config = {**BASE_CONFIGS["bert"], "architectures": ["BertForMaskedLM"]}
    folder = save_peft(
        "bert", LoraConfig(task_type="SEQ_CLS", target_modules=["query"]), task="AutoModelForSequenceClassification"
    )
    for table in (base_of("bert"), shape_table_from_config(config, id="tiny/bert")):
        assert inspect(folder, base=table).facts["base"]["confirmed"] is True


STEM = "base_model.model.model.layers.0.self_attn.q_proj"


CORRUPTIONS: dict[str, tuple[Callable[[dict[str, Any]], object], str, str]] = {
    "NaN": (lambda t: t[f"{STEM}.lora_A.weight"].__setitem__((0, 0), np.nan), "not_finite", f"{STEM}.lora_A.weight"),
    "infinity": (
        lambda t: t[f"{STEM}.lora_B.weight"].__setitem__((0, 0), np.inf),
        "not_finite",
        f"{STEM}.lora_B.weight",
    ),
    "missing half": (lambda t: t.pop(f"{STEM}.lora_B.weight"), "half_missing", f"{STEM}.lora_A.weight"),
    "unequal rank": (
        lambda t: t.update({f"{STEM}.lora_B.weight": np.ones((32, 3), "f4")}),
        "rank_mismatch",
        f"{STEM}.lora_B.weight",
    ),
    "wrong width": (
        lambda t: t.update({f"{STEM}.lora_A.weight": np.ones((8, 48), "f4")}),
        "shape_mismatch",
        f"{STEM}.lora_A.weight",
    ),
    "wrong output": (
        lambda t: t.update({f"{STEM}.lora_B.weight": np.ones((16, 8), "f4")}),
        "shape_mismatch",
        f"{STEM}.lora_B.weight",
    ),
    "one dimension": (
        lambda t: t.update({f"{STEM}.lora_A.weight": np.ones(8, "f4")}),
        "shape_mismatch",
        f"{STEM}.lora_A.weight",
    ),
    "renamed factor": (
        lambda t: rename(t, f"{STEM}.lora_A.weight", f"{STEM}.lora_X.weight"),
        "tensor_unknown",
        f"{STEM}.lora_X.weight",
    ),
    "renamed module": (
        lambda t: rename(t, STEM, f"{STEM}x"),
        "module_unknown",
        f"{STEM}x.lora_A.weight",
    ),
    "stray tensor": (
        lambda t: t.update({"base_model.model.stray": np.ones(3, "f4")}),
        "tensor_unknown",
        "base_model.model.stray",
    ),
    "adapter name left in": (
        lambda t: rename(t, f"{STEM}.lora_A.weight", f"{STEM}.lora_A.default.weight"),
        "tensor_unknown",
        f"{STEM}.lora_A.default.weight",
    ),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupted_file_is_refused_naming_the_tensor(corruption: str, save_peft: Save, base_of: Any) -> None:
    change, code, tensor = CORRUPTIONS[corruption]
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", r=8, target_modules=QV))
    rewrite(folder, lambda tensors: change(tensors))
    result = inspect(folder, base=base_of("llama"))
    assert result.verdict == "refused"
    assert (code, tensor) in {(finding.code, finding.tensor) for finding in result.findings}


def test_an_untrained_adapter_is_refused_because_it_changes_nothing(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    rewrite(folder, lambda t: fill(t, "lora_B", 0))
    result = inspect(folder)
    assert codes(result) == {"changes_nothing"}
    assert result.facts["is_noop"] is True


def test_one_untrained_module_is_a_warning(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    rewrite(folder, lambda t: t[f"{STEM}.lora_B.weight"].fill(0))
    result = inspect(folder)
    assert (result.verdict, codes(result, "warning")) == ("accepted", {"partly_inert"})


def test_a_truncated_file_is_refused(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert codes(inspect(folder)) == {"file_truncated"}


def test_the_wrong_base_is_contradicted_by_shapes(save_peft: Save, base_of: Any) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV), hidden_size=64)
    result = inspect(folder, base=base_of("llama"), declared_base="tiny/llama")
    first = next(finding for finding in result.findings if finding.code == "shape_mismatch")
    assert (result.facts["base"]["confirmed"], first.expected, first.received) == (False, [8, 32], [8, 64])
    assert "self_attn.q_proj" in first.message or "self_attn.v_proj" in first.message


def test_config_and_tensors_that_disagree_are_both_shown(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", r=8, target_modules=QV))
    reconfigure(folder, r=16, target_modules=["q_proj", "k_proj"], base_model_name_or_path="other/model")
    result = inspect(folder, declared_base="tiny/llama", claims={"card": {"base_model": "third/base"}})
    assert result.facts["rank"] == 8
    assert {(row["fact"], row["source"]) for row in result.disagreements} == {
        ("rank", "config"),
        ("target_modules", "config"),
        ("base_model", "config"),
        ("base_model", "card"),
    }


def test_a_missing_head_disagrees_with_the_task_type(save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    reconfigure(folder, task_type="SEQ_CLS")
    assert ("head", "SEQ_CLS") in {(row["fact"], row["claimed"]) for row in inspect(folder).disagreements}


@pytest.mark.parametrize(
    "path", ["/mnt/models/llama", "D:\\models\\llama", "./llama", "../llama", "~/llama", "a/b/c/llama"]
)
def test_a_local_path_never_counts_as_a_declared_base(path: str, save_peft: Save) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV))
    reconfigure(folder, base_model_name_or_path=path)
    base = inspect(folder).facts["base"]
    assert (base["declared"], base["is_path"], base["in_config"]) == (None, True, path)
    by_card = inspect(folder, claims={"card": {"base_model": ["tiny/llama"]}}).facts["base"]
    assert (by_card["declared"], by_card["declared_from"]) == ("tiny/llama", "card")


def test_requirements_judge_another_base_without_the_file(save_peft: Save, base_of: Any) -> None:
    from kernels.formats.compatibility import fits

    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=[*QV, "embed_tokens"]))
    facts = inspect(folder).facts
    assert fits(facts, base_of("llama")) == []
    assert {finding.code for finding in fits(facts["requirements"], base_of("gpt2"))} == {"module_unknown"}


def test_modules_that_only_other_heads_keep_are_known(save_peft: Save) -> None:
    from kernels.meta_shapes import shape_table_from_config

    config = {**BASE_CONFIGS["bert"], "architectures": ["BertForMaskedLM"]}
    folder = save_peft(
        "bert", LoraConfig(task_type="SEQ_CLS", target_modules=["dense"]), task="AutoModelForSequenceClassification"
    )
    result = inspect(folder, base=shape_table_from_config(config, id="tiny/bert"))
    assert (result.verdict, result.facts["base"]["confirmed"]) == ("accepted", True), result.findings
    assert "bert.pooler.dense" in {module for module, _, _ in result.facts["requirements"]}
