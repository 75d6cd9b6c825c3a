"""Every real adapter beside the checkout: the right typed facts, or the right refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernels.formats.base_shapes import BaseShapes
from tests.unit.kernels.cases import SHARED, codes, files_of, inspect

DISTILBERT = "distilbert--distilbert-base-uncased"
GEMMA, GPT2, SAM = "google--gemma-3-270m-it", "openai-community--gpt2", "facebook--sam-vit-base"
DIFFUSION, VIT = "stable-diffusion-v1-5--stable-diffusion-v1-5", "google--vit-base-patch16-224"
QKVO = ["k_proj", "o_proj", "q_proj", "v_proj"]
CUSTOM = {
    "format": "custom-sam",
    "method": "lora",
    "target_modules": ["q", "v"],
    "layers": list(range(12)),
    "scaling": 1.0,
}


def _peft(rank: int, targets: list[str], modules: int, layers: int, alpha: float, task: str) -> dict[str, Any]:
    return {
        "format": "peft",
        "method": "lora",
        "options": [],
        "rank": rank,
        "ranks": {str(rank): modules},
        "target_modules": targets,
        "modules": modules,
        "layers": list(range(layers)),
        "alpha": alpha,
        "scaling": alpha / rank,
        "task_type": task,
        "dtypes": {"F32": 2 * modules},
        "is_noop": False,
    }


# slug -> (base, refusal codes, facts)
ADAPTERS: dict[str, tuple[str | None, set[str], dict[str, Any]]] = {
    "distilbert-emotion-peft": (
        DISTILBERT,
        set(),
        _peft(8, ["q_lin", "v_lin"], 12, 6, 16.0, "SEQ_CLS")
        | {"dtypes": {"F32": 28}, "parameters": 147456, "head_parameters": 595206, "peft_version": "0.20.0"},
    ),
    "gemma3-270m-svg-0112ly-v2": (GEMMA, set(), _peft(4, ["q_proj", "v_proj"], 36, 18, 4.0, "CAUSAL_LM")),
    "gemma3-270m-svg-aowei-adapter": (GEMMA, set(), _peft(4, QKVO, 72, 18, 16.0, "CAUSAL_LM")),
    "gemma3-270m-svg-aowei-adapter-curriculum-stage1": (GEMMA, set(), _peft(4, QKVO, 72, 18, 16.0, "CAUSAL_LM")),
    "gemma3-270m-svg-zouhe": (GEMMA, set(), _peft(4, QKVO, 72, 18, 16.0, "CAUSAL_LM")),
    "gpt2-peft": (
        GPT2,
        set(),
        _peft(8, ["c_attn"], 12, 12, 8.0, "SEQ_CLS")
        | {"dtypes": {"F32": 25}, "head_parameters": 4608, "peft_version": None},
    ),
    "mbert-metaphor-adapterhub-v3": (None, {"pickle_refused", "weights_missing"}, {}),
    "slang-adapterhub-full": (None, {"pickle_refused", "weights_missing"}, {}),
    "sd15-disney-v0-pickle": (None, {"pickle_refused", "weights_missing"}, {}),
    "sd15-illust-pickle": (None, {"pickle_refused", "weights_missing"}, {}),
    "sd15-kiriko-pickle": (None, {"pickle_refused", "weights_missing"}, {}),
    "sd15-kiriko2-textenc-pickle": (None, {"pickle_refused", "weights_missing"}, {}),
    "sd-diffusers-pokemon": (
        DIFFUSION,
        set(),
        {"format": "diffusers", "rank": 4, "modules": 128, "target_modules": ["to_k", "to_out", "to_q", "to_v"]},
    ),
    "sd15-analog-svd-rank4-cloneofsimo": (
        DIFFUSION,
        set(),
        {"format": "cloneofsimo", "rank": 4, "modules": 192, "dtypes": {"F16": 384}},
    ),
    "sd15-disney-cloneofsimo": (DIFFUSION, set(), {"format": "cloneofsimo", "rank": 1, "modules": 192}),
    "vit-lora-lora": (VIT, {"half_missing"}, {"format": "custom-sam", "is_noop": False, "modules": 0}),
    **{
        f"sam-lora-{name}": (SAM, set(), CUSTOM | {"rank": rank, "is_noop": False})
        for name, rank in (
            ("rank2-v1", 2),
            ("rank2-v2", 2),
            ("rank4-v1", 4),
            ("rank4-v3", 4),
            ("rank6-v1", 6),
            ("rank8-v1", 8),
            ("rank8-v3", 8),
            ("rank16-v1", 16),
            ("rank16-v3", 16),
            ("samlora-v1", 4),
        )
    },
    **{
        f"sam-lora-{name}": (SAM, {"changes_nothing"}, CUSTOM | {"rank": 4, "is_noop": True})
        for name in ("poetry-v1", "poetry-v3", "root-v1", "root-v3")
    },
}

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared, which is not beside this checkout")


def _folder(slug: str) -> dict[str, Path]:
    files = files_of(SHARED / "data" / "real_adapters" / slug)
    return {name: path for name, path in files.items() if name != "source.json"}


@pytest.fixture(scope="module")
def tables() -> dict[str, BaseShapes]:
    """Shape tables of the real bases: the meta device, or the plain table of Stable Diffusion."""
    pytest.importorskip("torch", reason="building base shapes needs torch")
    from kernels.meta_shapes import shape_table_from_config

    found = {}
    for folder in (SHARED / "data" / "base_configs").iterdir():
        name = folder.name.replace("--", "/")
        if (folder / "config.json").is_file():
            config = json.loads((folder / "config.json").read_text("utf-8"))
            found[folder.name] = shape_table_from_config(config, id=name)
        elif (folder / "shapes.json").is_file():
            shapes = json.loads((folder / "shapes.json").read_text("utf-8"))
            found[folder.name] = BaseShapes.from_parameter_shapes(shapes, id=name)
    return found


def test_the_table_covers_every_folder() -> None:
    there = {path.name for path in (SHARED / "data" / "real_adapters").iterdir() if path.is_dir()}
    assert set(ADAPTERS) == there


@pytest.mark.parametrize("slug", sorted(ADAPTERS))
def test_a_real_adapter_is_typed_or_refused(slug: str, tables: dict[str, BaseShapes]) -> None:
    from kernels.formats.inspection import inspect_folder

    base, refusals, wanted = ADAPTERS[slug]
    table = tables[base] if base else None
    result = inspect_folder(_folder(slug), base=table, declared_base=table.id if table else None)
    assert codes(result) == refusals, [finding.message for finding in result.findings]
    assert result.verdict == ("refused" if refusals else "accepted")
    assert {key: result.facts[key] for key in wanted} == wanted
    if base and "half_missing" not in refusals:
        assert result.facts["base"]["confirmed"] is True
        assert result.facts["base"]["matched"] == f"{table.id}@main" if table else None
        assert result.disagreements == []


@pytest.mark.parametrize(
    ("slug", "declared", "is_path"),
    [
        ("distilbert-emotion-peft", "distilbert-base-uncased", False),
        ("gpt2-peft", "gpt2", False),
        ("gemma3-270m-svg-0112ly-v2", None, True),
        ("gemma3-270m-svg-zouhe", None, True),
        ("gemma3-270m-svg-aowei-adapter", "gemma3-270m-it", False),
    ],
)
def test_a_local_path_in_a_real_config_declares_nothing(slug: str, declared: str | None, is_path: bool) -> None:
    base = inspect(SHARED / "data" / "real_adapters" / slug).facts["base"]
    assert (base["declared"], base["is_path"], base["confirmed"]) == (declared, is_path, None)


@pytest.mark.parametrize(
    ("slug", "wrong"),
    [
        ("gemma3-270m-svg-zouhe", GPT2),
        ("distilbert-emotion-peft", "google-bert--bert-base-uncased"),
        ("gpt2-peft", GEMMA),
        ("sd-diffusers-pokemon", GPT2),
        ("sd15-disney-cloneofsimo", SAM),
        ("sam-lora-rank4-v1", DISTILBERT),
    ],
)
def test_the_wrong_base_is_contradicted(slug: str, wrong: str, tables: dict[str, BaseShapes]) -> None:
    result = inspect(SHARED / "data" / "real_adapters" / slug, base=tables[wrong])
    assert (result.verdict, result.facts["base"]["confirmed"]) == ("refused", False)
    assert codes(result) & {"module_unknown", "shape_mismatch"}


@pytest.mark.parametrize("slug", ["gpt2-peft", "sam-lora-rank4-v1", "sd15-disney-cloneofsimo", "sd-diffusers-pokemon"])
def test_recorded_requirements_decide_the_same(slug: str, tables: dict[str, BaseShapes]) -> None:
    from kernels.formats.compatibility import fits

    facts = inspect(SHARED / "data" / "real_adapters" / slug).facts
    right = ADAPTERS[slug][0]
    assert right is not None
    assert fits(facts, tables[right]) == []
    assert fits(facts, tables["prajjwal1--bert-mini"])


def test_each_head_is_named_with_its_shapes() -> None:
    heads = inspect(SHARED / "data" / "real_adapters" / "distilbert-emotion-peft").facts["heads"]
    assert heads == [
        {"module": "classifier", "tensors": {"bias": [6], "weight": [6, 768]}},
        {"module": "pre_classifier", "tensors": {"bias": [768], "weight": [768, 768]}},
    ]
