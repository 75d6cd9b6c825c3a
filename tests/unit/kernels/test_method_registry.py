"""methods.toml: stable ids, and a recogniser in which tensors win over declarations."""

from __future__ import annotations

import re

import pytest

from kernels.formats.adapter_config import known_types
from kernels.methods import by_id, methods, recognise

FAMILIES = {
    "low-rank",
    "orthogonal",
    "bottleneck",
    "prompt",
    "scaling",
    "sparse",
    "spectral",
    "hypernetwork",
    "mixture",
    "side-network",
    "other",
}
STEM = "base_model.model.layers.0.q."


def test_ids_are_kebab_case_and_unique() -> None:
    ids = [row.id for row in methods()]
    assert len(ids) == len(set(ids)) > 130
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in ids)


def test_every_row_is_complete() -> None:
    for row in methods():
        assert row.family in FAMILIES, row.id
        assert row.low_rank in ("yes", "exact", "exact+base", "no"), row.id
        assert row.level in ("stitch", "inspect", "catalogue"), row.id
        assert "†" not in row.paper


def test_every_peft_type_has_one_row_with_its_tensors() -> None:
    rows = [row for row in methods() if row.section == "peft"]
    assert {row.peft_type for row in rows} - {"BONE"} == known_types()
    assert all(row.tensors for row in rows)


@pytest.mark.parametrize(
    ("config", "tensor", "method"),
    [
        ({"peft_type": "LORA"}, "lora_A.weight", "lora"),
        ({"peft_type": "LORA"}, "hada_w1_a", "loha"),
        ({"peft_type": "VERA"}, "lora_A.weight", "lora"),
        ({"peft_type": "BOTTLENECK"}, "x", "llm-adapters-bottleneck"),
        ({"peft_type": "QWHA"}, "qwha_spectrum", "qwha"),
        ({"peft_type": "BONE"}, "bone_block", "bone"),
        ({"peft_type": "NEW"}, "something", "unknown"),
        ({"peft_type": "P_TUNING"}, "prompt_embeddings", "p-tuning"),
    ],
)
def test_tensors_win_over_the_declared_type(config: dict[str, str], tensor: str, method: str) -> None:
    assert recognise(config, [STEM + tensor]).method == method


@pytest.mark.parametrize(
    ("inner", "method"),
    [
        ({}, "bottleneck-pfeiffer"),
        ({"mh_adapter": True}, "bottleneck-houlsby"),
        ({"inv_adapter": "nice"}, "bottleneck-pfeiffer-inv"),
        ({"mh_adapter": True, "inv_adapter": "glow"}, "bottleneck-houlsby-inv"),
        ({"is_parallel": True, "scaling": 4.0}, "bottleneck-parallel"),
        ({"is_parallel": True, "scaling": "learned"}, "bottleneck-parallel-scaled"),
        ({"scaling": "channel"}, "adapter-plus"),
        ({"phm_layer": True, "mh_adapter": True}, "compacter"),
        ({"phm_layer": True}, "compacter-pp"),
        ({"architecture": "lora"}, "lora-ah"),
        ({"architecture": "lora", "use_dora": True}, "dora-ah"),
        ({"architecture": "lora", "composition_mode": "scale"}, "ia3-ah"),
        ({"architecture": "lora", "vera_d": 0.1}, "vera-ah"),
        ({"architecture": "lora", "vera_d": 0.1, "use_dora": True}, "dvora"),
        ({"architecture": "mtl_lora"}, "mtl-lora"),
        ({"architecture": "prefix_tuning"}, "prefix-tuning-ah"),
        ({"architecture": "prefix_tuning", "flat": True}, "prefix-tuning-flat-ah"),
        ({"architecture": "prompt_tuning"}, "prompt-tuning-ah"),
        ({"architecture": "reft"}, "loreft"),
        ({"architecture": "reft", "orthogonality": False}, "noreft"),
        ({"architecture": "reft", "orthogonality": False, "subtract_projection": False}, "direft"),
        ({"architecture": "union"}, "mam"),
    ],
)
def test_every_configuration_of_the_adapters_library_has_a_method(inner: dict[str, object], method: str) -> None:
    assert method in by_id()
    assert recognise({"config": inner, "model_name": "x"}, [], dialect="adapterhub").method == method


def test_options_of_lora_are_read_from_config_and_tensors() -> None:
    config = {
        "peft_type": "LORA",
        "use_rslora": True,
        "init_lora_weights": "pissa_niter_4",
        "alora_invocation_tokens": [1],
    }
    found = recognise(config, [STEM + "lora_A.weight", STEM + "lora_magnitude_vector"])
    assert found.options == ("alora", "dora", "pissa", "rslora")
    assert all(option in by_id() for option in found.options)
