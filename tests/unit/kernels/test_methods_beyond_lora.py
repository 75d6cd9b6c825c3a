"""Every PEFT type that a tiny model can carry: recognised, compared with what PEFT itself would save, accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

peft = pytest.importorskip("peft", reason="real saves need PEFT")

from kernels.methods import methods  # noqa: E402
from tests.unit.kernels.cases import BASE_CONFIGS, codes, fill, inspect, rename, rewrite  # noqa: E402

Save = Callable[..., Path]
QV = {"target_modules": ["q_proj", "v_proj"]}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "ADALORA": {**QV, "total_step": 10},
    "ADAMSS": QV,
    "BOFT": QV,
    "IA3": {},
    "BEFT": {},
    "LILY": QV,
    "LOHA": QV,
    "LOKR": QV,
    "OFT": QV,
    "POLY": QV,
    "LN_TUNING": {},
    "VERA": QV,
    "PVERA": QV,
    "FROD": QV,
    "GLORA": QV,
    "HRA": QV,
    "FOURIERFT": {**QV, "n_frequency": 20},
    "VBLORA": {**QV, "vector_length": 16, "num_vectors": 8, "topk": 2},
    "UNILORA": QV,
    "MISS": {**QV, "r": 4},
    "RANDLORA": QV,
    "ROAD": {**QV, "group_size": 8},
    "HIRA": QV,
    "TRAINABLE_TOKENS": {"token_indices": [1, 2]},
    "SHIRA": {**QV, "r": 4},
    "C3A": {**QV, "block_size": 4},
    "WAVEFT": {**QV, "n_frequency": 10},
    "DELORA": QV,
    "GRALORA": QV,
    "TINYLORA": QV,
    "PSOFT": {**QV, "r": 8},
    "PEANUT": QV,
    "SUPERTUNING": QV,
    "DEFT": QV,
    "OSF": {},
    "ADAPTION_PROMPT": {"adapter_len": 4, "adapter_layers": 1},
    "PROMPT_TUNING": {"num_virtual_tokens": 4},
    "P_TUNING": {"num_virtual_tokens": 4},
    "PREFIX_TUNING": {"num_virtual_tokens": 4},
    "MULTITASK_PROMPT_TUNING": {"num_virtual_tokens": 4},
    "CPT": {"cpt_token_ids": [1, 2, 3, 4], "cpt_mask": [1, 1, 1, 1], "cpt_tokens_type_mask": [1, 2, 3, 4]},
    "CARTRIDGE": {"num_virtual_tokens": 4},
}


def _config(peft_type: str) -> Any:
    known = peft.mapping.PEFT_TYPE_TO_CONFIG_MAPPING[peft.PeftType(peft_type)]
    return known(task_type="CAUSAL_LM", **ARGUMENTS[peft_type])


def _expected() -> Callable[[dict[str, Any]], Any]:
    from kernels.meta_shapes import expected_peft_shapes

    return partial(expected_peft_shapes, BASE_CONFIGS["llama"])


@pytest.mark.parametrize("peft_type", sorted(ARGUMENTS))
def test_a_method_is_recognised_and_checked_against_the_base(peft_type: str, save_peft: Save, base_of: Any) -> None:
    folder = save_peft("llama", _config(peft_type))
    result = inspect(folder, base=base_of("llama"), expected_shapes=_expected())
    wanted = next(row for row in methods() if row.peft_type == peft_type and row.section == "peft")
    assert result.facts["method"] == wanted.id
    assert (result.verdict, codes(result)) == ("accepted", set()), [f.message for f in result.findings][:5]
    assert result.facts["base"]["confirmed"] is True, result.findings
    assert "not_verified_offline" not in codes(result, "info"), result.findings


@pytest.mark.parametrize("peft_type", ["LOHA", "VERA", "OFT", "IA3", "C3A", "PREFIX_TUNING"])
def test_a_method_on_the_wrong_base_is_refused(peft_type: str, save_peft: Save, base_of: Any) -> None:
    folder = save_peft("llama", _config(peft_type), hidden_size=64, num_hidden_layers=3)
    result = inspect(folder, base=base_of("llama"), expected_shapes=_expected())
    assert result.facts["base"]["confirmed"] is False
    assert codes(result) & {"shape_mismatch", "module_unknown"}


@pytest.mark.parametrize(
    ("peft_type", "factor", "value"),
    [
        ("LOHA", "hada_w2_b", 0),
        ("LOKR", "lokr_w1", 0),
        ("VERA", "vera_lambda_b", 0),
        ("IA3", "ia3_l", 1),
        ("HIRA", "hira_B", 0),
        ("ADALORA", "lora_E", 0),
        ("MISS", "miss_block", 0),
    ],
)
def test_an_inert_method_changes_nothing(peft_type: str, factor: str, value: float, save_peft: Save) -> None:
    folder = save_peft("llama", _config(peft_type))
    rewrite(folder, lambda t: fill(t, factor, value))
    assert "changes_nothing" in codes(inspect(folder))


def test_without_torch_the_method_is_typed_and_the_gap_is_said(save_peft: Save, base_of: Any) -> None:
    result = inspect(save_peft("llama", _config("LOKR")), base=base_of("llama"))
    assert (result.verdict, codes(result, "info")) == ("accepted", {"not_verified_offline"})


def test_an_unknown_type_is_kept_as_declared_and_typed_by_its_tensors(save_peft: Save) -> None:
    folder = save_peft("llama", _config("MISS"))
    rewrite(folder, lambda t: rename(t, "miss_block", "bone_block"))
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text("utf-8"))
    kept = {key: config[key] for key in ("r", "target_modules", "bias", "task_type", "base_model_name_or_path")}
    path.write_text(json.dumps(kept | {"peft_type": "BONE"}), "utf-8")
    result = inspect(folder)
    assert (result.facts["method"], result.facts["level"], result.verdict) == ("bone", "inspect", "accepted")


def test_what_matches_nothing_is_unknown(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"x.y": np.ones(3, "f4")}, tmp_path / "weights.safetensors")
    result = inspect(tmp_path)
    assert (result.facts["method"], result.facts["format"], result.facts["level"]) == (
        "unknown",
        "unknown",
        "catalogue",
    )
    assert codes(result) == {"tensor_unknown"}
