"""What a file asks of a base model, kept without the file: it must say of any base what the file itself would say."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from peft import IA3Config, LoKrConfig, LoraConfig, PrefixTuningConfig, PromptTuningConfig

from kernels.formats.base_shapes import BaseShapes
from kernels.formats.errors import FormatError
from kernels.formats.requirements import Requirements
from tests.unit.kernels.cases import BASE_CONFIGS, SHARED, inspect
from tests.unit.kernels.test_real_adapters import tables

__all__ = ["tables"]

QV = ["q_proj", "v_proj"]
ONE_OF_EACH_FORMAT = ["gpt2-peft", "distilbert-emotion-peft", "sam-lora-rank4-v1", "sd15-disney-cloneofsimo"]
ONE_OF_EACH_FORMAT += ["sd-diffusers-pokemon"]


def wider_llama() -> BaseShapes:
    """The tiny llama, twice as wide."""
    from kernels.meta_shapes import shape_table_from_config

    config = BASE_CONFIGS["llama"] | {"hidden_size": 64, "intermediate_size": 128}
    return shape_table_from_config(config, id="tiny/wider")


def asked(folder: Any, **options: Any) -> Requirements:
    """What the file asks, through JSON and back, as the hub keeps it."""
    found = inspect(folder, **options).requirements
    assert found is not None
    return Requirements.from_dict(json.loads(json.dumps(found.as_dict())))


@pytest.mark.parametrize("slug", ONE_OF_EACH_FORMAT)
def test_every_real_adapter_is_judged_without_its_file_as_with_it(slug: str, tables: dict[str, BaseShapes]) -> None:
    folder = SHARED / "data" / "real_adapters" / slug
    kept = asked(folder)
    for name, table in tables.items():
        said = inspect(folder, base=table)
        facts = said.facts["base"]
        compared = kept.compare(table, said.facts["rank_by_module"], said.facts["rank"] or 1)
        by_file = {None: "unknown", True: "fits", False: "differs"}[facts["confirmed"]]
        assert (compared.verdict, compared.checked, compared.unmatched) == (
            by_file,
            facts["checked_tensors"],
            facts["unmatched"],
        ), name
        errors = [finding for finding in said.findings if finding.code in ("shape_mismatch", "module_unknown")]
        if compared.verdict == "differs" and errors:
            named, kept_name = errors[0], compared.findings[0]
            assert (named.tensor, named.expected, named.received) in [
                (row.tensor, row.expected, row.received) for row in compared.findings
            ], kept_name


def test_rank_and_values_leave_the_digest_as_it_is_and_other_modules_change_it(save_peft: Any) -> None:
    digests = [
        asked(save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=targets, r=rank))).digest
        for rank, targets in ((4, QV), (8, QV), (8, [*QV, "k_proj"]))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_the_tensor_that_does_not_fit_is_named_with_the_shapes_of_the_file(save_peft: Any, base_of: Any) -> None:
    folder = save_peft("llama", LoraConfig(task_type="CAUSAL_LM", target_modules=QV, r=4), hidden_size=64)
    first = asked(folder).compare(base_of("llama"), rank=4).findings[0]
    assert first.tensor == "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    assert (first.expected, first.received) == ([4, 32], [4, 64])


@pytest.mark.parametrize(
    "config",
    [
        LoKrConfig(task_type="CAUSAL_LM", r=4, target_modules=QV),
        IA3Config(task_type="CAUSAL_LM", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
    ],
)
def test_what_peft_confirmed_on_one_base_holds_for_bases_of_the_same_rows_only(
    config: Any, save_peft: Any, base_of: Any
) -> None:
    from kernels.meta_shapes import expected_peft_shapes

    folder = save_peft("llama", config)
    confirmed = asked(
        folder, base=base_of("llama"), expected_shapes=partial(expected_peft_shapes, BASE_CONFIGS["llama"])
    )
    assert confirmed.compare(base_of("llama")).verdict == "fits"
    assert confirmed.compare(base_of("gpt2")).verdict == "differs"
    assert confirmed.compare(wider_llama()).verdict == "differs"
    assert asked(folder).compare(base_of("llama")).verdict == "unknown", "nobody confirmed it anywhere"


@pytest.mark.parametrize("kind", [PromptTuningConfig, PrefixTuningConfig])
def test_soft_prompts_ask_for_the_width_of_the_model(kind: Any, save_peft: Any, base_of: Any) -> None:
    from kernels.meta_shapes import expected_peft_shapes

    folder = save_peft("llama", kind(task_type="CAUSAL_LM", num_virtual_tokens=4))
    confirmed = asked(
        folder, base=base_of("llama"), expected_shapes=partial(expected_peft_shapes, BASE_CONFIGS["llama"])
    )
    assert confirmed.compare(base_of("llama")).verdict == "fits"
    assert confirmed.compare(wider_llama()).verdict != "fits"


def test_a_table_of_another_version_is_refused() -> None:
    with pytest.raises(FormatError, match="not known"):
        Requirements.from_dict({"format_version": 2})
