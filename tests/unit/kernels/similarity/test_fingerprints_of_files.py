"""A fingerprint knows a copy under another name, dtype, scale or factorisation, and estimates the cosine elsewhere."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kernels.formats.base_shapes import BaseShapes
from kernels.lowrank_io import load_updates
from kernels.similarity import all_cosines, cosine_similarities, cosines, initial_a_similarities
from kernels.similarity.codes import standard_error
from kernels.similarity.fingerprint import Fingerprint, fingerprint_of
from kernels.similarity.grouping import joined
from tests.unit.kernels.reduction.pools import spread_gauge

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "real_adapters"
WEIGHTS = "adapter_model.safetensors"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared, which is not beside this checkout")


def of(folder: Path, base: BaseShapes | None = None) -> Fingerprint:
    return fingerprint_of({path.name: path for path in folder.iterdir() if path.is_file()}, base=base)


def cosine(first: Fingerprint, second: Fingerprint) -> float:
    return float(cosines(first.update, [second.update])[0])


@pytest.fixture
def folder(save_peft: Callable[..., Path]) -> Path:
    """A LoRA of a tiny model, as PEFT saves it."""
    from peft import LoraConfig

    return save_peft("llama", LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"]))


def rewritten(
    folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], name: str = "other", **config
) -> Path:
    """A copy of the folder with other tensors and configuration."""
    made = folder.parent / name
    shutil.copytree(folder, made)
    save_file(change(load_file(folder / WEIGHTS)), made / WEIGHTS, metadata={"format": "pt", "owner": name})
    path = made / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return made


def refactorised(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    gauge = spread_gauge(4, 3).float()
    made = {}
    for name, value in tensors.items():
        made[name] = torch.linalg.solve(gauge, value) if "lora_A" in name else value @ gauge
    return {name: value.contiguous() for name, value in made.items()}


def test_equal_tensors_under_other_metadata_have_one_digest(folder: Path):
    own = of(folder)
    other = of(rewritten(folder, lambda tensors: dict(reversed(tensors.items())), lora_dropout=0.3))
    assert (folder / WEIGHTS).read_bytes() != (folder.parent / "other" / WEIGHTS).read_bytes()
    assert (own.tensors_digest, own.update, own.layout) == (other.tensors_digest, other.update, other.layout)
    assert (own.modules, own.skipped, own.is_partial) == (4, None, False)


@pytest.mark.parametrize(
    ("change", "config"),
    [
        (refactorised, {}),
        (lambda tensors: {name: value.half() for name, value in tensors.items()}, {}),
        (dict, {"lora_alpha": 2}),
        (dict, {"use_rslora": True}),
    ],
    ids=["other factors", "half precision", "another alpha", "rsLoRA"],
)
def test_a_disguised_copy_has_cosine_one(folder: Path, change: Callable, config: dict):
    own, other = of(folder), of(rewritten(folder, change, **config))
    assert cosine(own, other) > 0.9999
    if config:
        assert own.tensors_digest == other.tensors_digest
    else:
        assert own.tensors_digest != other.tensors_digest
    if "lora_alpha" in config:
        assert other.norm / own.norm == pytest.approx(0.25, rel=1e-6)


def test_a_little_noise_is_a_near_duplicate_and_another_training_is_not(folder: Path):
    def noisy(tensors: dict[str, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        return {name: value + share * value.std() * torch.randn_like(value) for name, value in tensors.items()}

    own = of(folder)
    near = of(rewritten(folder, lambda tensors: noisy(tensors, 0.1), "near"))
    far = of(rewritten(folder, lambda tensors: noisy(tensors, 30.0), "far"))
    assert 0.95 < cosine(own, near) < 0.999
    assert abs(cosine(own, far)) < 0.3


def test_a_fine_tuned_start_is_seen_in_the_raw_factors_alone(folder: Path):
    def trained_on(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        torch.manual_seed(1)
        return {
            name: torch.randn_like(value) if "lora_B" in name else value + 0.1 * value.std() * torch.randn_like(value)
            for name, value in tensors.items()
        }

    own, other = of(folder), of(rewritten(folder, trained_on))
    assert float(cosines(own.initial_a, [other.initial_a])[0]) > 0.9
    assert abs(cosine(own, other)) < 0.3


def test_a_and_b_are_described_apart(folder: Path):
    apart = of(folder).factors
    updates = load_updates(folder)
    norms = sorted(float(one.A.norm()) for one in updates.values())
    assert apart["a_norm"] == pytest.approx((norms[1] + norms[2]) / 2, rel=1e-4)
    assert apart["a_start_ratio"] == pytest.approx(apart["a_norm"] * math.sqrt(3 / 4), rel=1e-4)
    assert 1.0 <= apart["b_rank"] <= 4.0


def test_what_holds_no_pairs_still_has_a_digest(tmp_path: Path):
    save_file({"anything": torch.ones(3)}, tmp_path / WEIGHTS)
    found = of(tmp_path)
    assert found.skipped
    assert (found.update, found.initial_a, found.layout) == (b"", b"", "")
    save_file({"another.name": torch.ones(3)}, tmp_path / WEIGHTS, metadata={"format": "pt"})
    assert of(tmp_path).tensors_digest == found.tensors_digest
    save_file({"anything": torch.ones(1, 3)}, tmp_path / WEIGHTS)
    assert of(tmp_path).tensors_digest != found.tensors_digest


def test_more_than_pairs_is_compared_by_its_pairs_and_says_so(save_peft: Callable[..., Path]):
    from peft import LoraConfig

    dora = save_peft("llama", LoraConfig(r=4, use_dora=True, target_modules=["q_proj"]))
    found = of(dora)
    assert found.is_partial
    assert found.skipped is None
    assert len(found.update) == 512


def test_values_that_are_not_finite_are_left_out(folder: Path):
    def broken(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        name = next(name for name in tensors if "lora_B" in name)
        tensors[name][0, 0] = math.nan
        return tensors

    assert 0.4 < cosine(of(folder), of(rewritten(folder, broken))) < 1.0


@needs_real
@pytest.mark.parametrize("family", ["sam-lora-*", "gemma3-270m-*"])
def test_on_real_families_the_estimates_are_those_of_the_exact_cosines(family: str):
    folders = sorted(folder for folder in REAL.glob(family) if folder.is_dir())
    prints = [of(folder) for folder in folders]
    exact = cosine_similarities([load_updates(folder) for folder in folders]).numpy()
    found = all_cosines([one.update for one in prints])
    upper = np.triu_indices(len(folders), 1)
    trained = np.array([bool(one.update) for one in prints])
    is_real = (trained[:, None] & trained)[upper]
    errors = (found - exact)[upper][is_real]
    allowed = np.array([standard_error(each) for each in exact[upper][is_real]])
    assert np.abs(errors / (allowed + 1e-4)).max() < 4.5
    assert np.sqrt(np.mean((errors / (allowed + 1e-4)) ** 2)) < 1.6
    assert found[upper][~is_real].tolist() == [0.0] * int((~is_real).sum())


@needs_real
@pytest.mark.literature("LoRA asymmetry")
def test_a_real_family_that_shares_its_start_is_one_group_and_its_factors_are_shown_apart():
    folders = sorted(folder for folder in REAL.glob("gemma3-270m-*") if folder.is_dir())
    prints = [of(folder) for folder in folders]
    starts = all_cosines([one.initial_a for one in prints])
    exact = initial_a_similarities([load_updates(folder) for folder in folders]).numpy()
    same_modules = np.array([one.layout for one in prints])[:, None] == np.array([one.layout for one in prints])
    assert np.abs(starts - exact)[same_modules].max() < 0.1
    pairs = np.argwhere(np.triu(starts >= 0.5, 1)).tolist()
    groups = [[folders[place].name for place in group] for group in joined(len(folders), [(a, b) for a, b in pairs])]
    assert sorted(map(len, groups)) == [1, 3]
    for one in prints:
        assert one.factors["a_start_ratio"] == pytest.approx(1.0, abs=0.06)  # A hardly moved
        assert one.factors["a_rank"] > 3.9 > one.factors["b_rank"]  # and B is what was learnt


def test_sketches_need_neither_torch_nor_django():
    import subprocess
    import sys

    code = (
        "import sys, kernels.similarity.fingerprint, kernels.similarity.codes, kernels.similarity.grouping\n"
        "print(sorted({'torch', 'django', 'transformers'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
