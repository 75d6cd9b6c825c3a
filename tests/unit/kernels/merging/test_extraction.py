"""A LoRA from two checkpoints is the best approximation of every difference, and says what it leaves out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kernels.merging import extract_lora
from tests.unit.kernels.merging.support import generator, random_update, relative


def checkpoint(seed: int) -> dict[str, torch.Tensor]:
    """Two linear layers, a table, a norm."""
    draw = generator(seed)
    return {
        "model.layers.0.q_proj.weight": torch.randn(14, 20, generator=draw),
        "model.layers.1.q_proj.weight": torch.randn(14, 20, generator=draw),
        "model.embed_tokens.weight": torch.randn(30, 20, generator=draw),
        "model.norm.weight": torch.randn(20, generator=draw),
    }


def saved(tensors: dict[str, torch.Tensor], path: Path) -> Path:
    """One safetensors file."""
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def tuned(tensors: dict[str, torch.Tensor], **changes: torch.Tensor) -> dict[str, torch.Tensor]:
    """The same with some tensors moved."""
    return {name: tensor + changes.get(name.split(".")[-2], 0.0) for name, tensor in tensors.items()}


def test_a_low_rank_change_comes_back_exactly(tmp_path: Path):
    base = checkpoint(1)
    change = random_update(2, rank=3).dense().float()
    new = {**base, "model.layers.0.q_proj.weight": base["model.layers.0.q_proj.weight"] + change}
    found = extract_lora(saved(base, tmp_path / "a.safetensors"), saved(new, tmp_path / "b.safetensors"), rank=3)
    assert list(found.adapter) == ["model.layers.0.q_proj"], "the other layer did not change"
    assert relative(found.adapter["model.layers.0.q_proj"].dense(), change) < 1e-5
    assert found.errors["model.layers.0.q_proj"] < 1e-5
    assert found.left_out == {}


@pytest.mark.parametrize("shape", [(14, 20), (500, 420)])
def test_the_error_is_within_a_hundredth_of_the_optimum_and_reported_as_it_is(tmp_path: Path, shape: tuple[int, int]):
    change = torch.randn(shape, generator=generator(3))
    base = {"lin.weight": torch.randn(shape, generator=generator(4))}
    files = saved(base, tmp_path / "a.safetensors"), saved(tuned(base, lin=change), tmp_path / "b.safetensors")
    found = extract_lora(*files, rank=6)
    S = torch.linalg.svdvals(change)
    optimum = float(S[6:].norm() / S.norm())
    assert optimum * (1 - 1e-4) <= found.errors["lin"] <= 1.01 * optimum
    assert found.errors["lin"] == pytest.approx(relative(found.adapter["lin"].dense(), change), rel=1e-3)


def test_energy_stops_the_rank_short(tmp_path: Path):
    U, _, Vh = torch.linalg.svd(torch.randn(14, 20, generator=generator(5)), full_matrices=False)
    values = torch.tensor([4.0, 2.0, 1.0, 0.5] + [0.0] * 10)
    base = {"lin.weight": torch.zeros(14, 20)}
    files = (
        saved(base, tmp_path / "a.safetensors"),
        saved({"lin.weight": (U * values) @ Vh}, tmp_path / "b.safetensors"),
    )
    total = float(values.square().sum())
    for energy, rank in ((16 / total - 0.01, 1), (20 / total - 0.01, 2), (21 / total - 0.01, 3), (1.0, 4)):
        found = extract_lora(*files, rank=4, energy=energy)
        assert found.adapter["lin"].rank == rank
        assert found.errors["lin"] ** 2 <= 1 - energy + 1e-5


def test_tables_norms_and_strangers_are_named(tmp_path: Path):
    base = checkpoint(1)
    new = tuned(base, embed_tokens=torch.ones(30, 20), norm=torch.ones(20), q_proj=random_update(2).dense().float())
    new["score.weight"] = torch.ones(2, 20)
    base["old.weight"] = torch.ones(2, 2)
    found = extract_lora(saved(base, tmp_path / "a.safetensors"), saved(new, tmp_path / "b.safetensors"), rank=2)
    assert set(found.adapter) == {"model.layers.0.q_proj", "model.layers.1.q_proj"}
    assert found.left_out == {
        "model.embed_tokens.weight": "changed, and no linear layer",
        "model.norm.weight": "changed, and no linear layer",
        "old.weight": "only in the base",
        "score.weight": "only in the tuned checkpoint",
    }


def test_sharded_folders_half_precision_and_transposed_weights(tmp_path: Path):
    base = {name: tensor.bfloat16() for name, tensor in checkpoint(1).items()}
    change = random_update(2, rank=2).dense().float()
    new = {**base, "model.layers.1.q_proj.weight": (base["model.layers.1.q_proj.weight"] + change).bfloat16()}
    exact = new["model.layers.1.q_proj.weight"].float() - base["model.layers.1.q_proj.weight"].float()
    single, sharded = tmp_path / "single", tmp_path / "sharded"
    shares: list[float] = []
    single.mkdir()
    sharded.mkdir()
    saved(base, single / "model.safetensors")
    for place, name in enumerate(new):
        saved({name: new[name]}, sharded / f"part{place}.safetensors")
    index = {"weight_map": {name: f"part{place}.safetensors" for place, name in enumerate(new)}}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index))
    found = extract_lora(single, sharded, rank=14, is_transposed=True, progress=shares.append)
    update = found.adapter["model.layers.1.q_proj"]
    assert (update.d_out, update.d_in) == (20, 14)
    assert relative(update.dense().T, exact) < 1e-5
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_what_cannot_be_extracted_is_refused(tmp_path: Path):
    one = saved({"lin.weight": torch.ones(2, 3)}, tmp_path / "a.safetensors")
    other = saved({"lin.weight": torch.ones(3, 3)}, tmp_path / "b.safetensors")
    with pytest.raises(ValueError, match=r"received \[2, 3\] and \[3, 3\]"):
        extract_lora(one, other, rank=1)
    with pytest.raises(ValueError, match="received 0 and None"):
        extract_lora(one, other, rank=0)
    with pytest.raises(ValueError, match=r"received 1 and 1\.5"):
        extract_lora(one, other, rank=1, energy=1.5)
    with pytest.raises(ValueError, match="safetensors file, or a folder"):
        extract_lora(one, tmp_path, rank=1)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"x": "../a.safetensors"}}')
    with pytest.raises(ValueError, match="files of its own folder"):
        extract_lora(one, tmp_path, rank=1)
