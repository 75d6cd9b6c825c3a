"""Each defect of PEFT's add_weighted_adapter: it exists in PEFT, and here it is fixed or raised."""

from __future__ import annotations

import warnings
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from kernels.lowrank import LowRankUpdate
from kernels.lowrank_io import save_lora
from kernels.merging import load_members, merge
from tests.unit.kernels.merging.support import (
    adapter_from,
    distance,
    layers_of,
    merged_by_peft,
    peft_model,
    random_adapter,
    refactored,
    scales_from,
)

peft = pytest.importorskip("peft", reason="PEFT is what has the defects")


def two_adapters(**options):
    """Two equal configurations, random factors."""
    return peft_model([peft.LoraConfig(r=4, lora_alpha=8, target_modules={"first", "second"}, **options)] * 2)


def both(model):
    """Adapters and scales."""
    names = ("a0", "a1")
    return [adapter_from(model, name) for name in names], [scales_from(model, name) for name in names]


@pytest.mark.parametrize(("method", "new_rank"), [("cat", 8), ("svd", 4)])
def test_rslora_results_are_not_too_large(method: str, new_rank: int):
    model = two_adapters(use_rslora=True)
    adapters, scales = both(model)
    merged_by_peft(model, [0.5, 0.5], method)
    in_peft = adapter_from(model, "merged")["first"]
    for found in (
        merge(adapters, method=method, weights=[0.5, 0.5]),
        merge(adapters, method=method, weights=[0.5, 0.5], compat="peft", scales=scales),
    ):
        ours = found.adapter["first"]
        assert in_peft.norm() / ours.norm() == pytest.approx(sqrt(new_rank), rel=1e-6)
        if method == "cat":
            exact = 0.5 * (adapters[0]["first"].dense() + adapters[1]["first"].dense())
            assert torch.allclose(ours.dense(), exact)


def test_dora_magnitudes_are_not_dropped(tmp_path: Path):
    model = two_adapters(use_dora=True)
    adapters, _ = both(model)
    magnitude = layers_of(model)["first"].lora_magnitude_vector["a1"].weight
    magnitude.data.mul_(5.0)
    merged_by_peft(model, [0.5, 0.5], "cat")
    exact = merge(adapters, method="cat", weights=[0.5, 0.5]).adapter
    assert distance(adapter_from(model, "merged", scale=1.0), exact) < 1e-9, "PEFT's result ignores the magnitude"
    assert model.peft_config["merged"].use_dora, "and still calls itself DoRA"
    model.save_pretrained(tmp_path, selected_adapters=["a0", "a1"])
    with pytest.raises(ValueError, match="more than low-rank pairs"):
        load_members([tmp_path / "a0", tmp_path / "a1"])


def test_a_short_list_of_weights_is_refused():
    model = two_adapters()
    adapters, _ = both(model)
    alone = merged_by_peft(model, [1.0], "cat", names=["a0", "a1"])
    only_first = merge(adapters, method="cat", weights=[1.0, 0.0]).adapter
    assert distance(alone, only_first) < 1e-9, "PEFT leaves the second adapter out"
    with pytest.raises(ValueError, match="2 adapters, received 1 weights"):
        merge(adapters, method="cat", weights=[1.0])


def test_a_merge_never_returns_without_merging():
    model = two_adapters()
    adapters, _ = both(model)
    model.base_model.add_weighted_adapter(["a0", "a1"], [1.0, 1.0], "a1", "svd")
    assert distance(adapter_from(model, "a1"), adapters[1]) == 0.0, "PEFT does, when the name exists"
    assert distance(merge(adapters, method="svd", weights=[1, 1]).adapter, adapters[1]) > 0.5


@pytest.mark.parametrize("compat", [None, "peft"])
@pytest.mark.parametrize("density", [None, 0.0, -0.1, 1.5, float("nan")])
def test_densities_outside_the_range_are_refused(density: float | None, compat: Any):
    adapters = [random_adapter(1), random_adapter(2)]
    scales = [1.0, 1.0] if compat else None
    with pytest.raises(ValueError, match="density must be in"):
        merge(adapters, method="ties", weights=[1, 1], density=density, compat=compat, scales=scales)


def test_in_peft_no_density_is_a_type_error_and_dare_at_zero_is_nan():
    with pytest.raises(TypeError):
        merged_by_peft(two_adapters(), [1.0, 1.0], "ties")
    for update in merged_by_peft(two_adapters(), [1.0, 1.0], "dare_linear", density=0.0).values():
        assert torch.isnan(update.A).all()


def test_a_density_that_keeps_nothing_is_refused():
    model = two_adapters()
    adapters, _ = both(model)
    assert all(not update.A.any() for update in merged_by_peft(model, [1.0, 1.0], "ties", density=1e-3).values())
    for method in ("ties", "ties_svd"):
        with pytest.raises(ValueError, match="keeps none of the"):
            merge(adapters, method=method, weights=[1, 1], density=1e-3)


def test_a_subtracted_adapter_does_not_vote_for_its_own_sign():
    model = two_adapters()
    adapters, scales = both(model)
    in_peft = merged_by_peft(model, [1.0, -1.0], "ties_svd", density=1.0, svd_rank=14)
    as_peft = merge(
        adapters, method="ties_svd", weights=[1, -1], density=1.0, rank=14, compat="peft", scales=scales
    ).adapter
    negated = [adapters[0], {name: -update for name, update in adapters[1].items()}]
    added = merge(negated, method="ties_svd", weights=[1, 1], density=1.0, rank=14).adapter
    ours = merge(adapters, method="ties_svd", weights=[1, -1], density=1.0, rank=14).adapter
    assert distance(as_peft, in_peft) < 1e-9
    assert distance(ours, added) < 1e-9, "-1 times an adapter is the negated adapter"
    assert distance(in_peft, added) > 0.3, "not in PEFT"


def test_an_adapter_of_weight_zero_does_not_count():
    model = peft_model([peft.LoraConfig(r=4, lora_alpha=8, target_modules={"first", "second"})] * 3)
    adapters = [adapter_from(model, f"a{place}") for place in range(3)]
    in_peft = merged_by_peft(model, [1.0, 1.0, 0.0], "ties_svd", density=0.5, svd_rank=14)
    options: dict[str, Any] = {"method": "ties_svd", "density": 0.5, "rank": 14}
    ours = merge(adapters, weights=[1, 1, 0], **options).adapter
    assert distance(ours, merge(adapters[:2], weights=[1, 1], **options).adapter) == 0.0
    assert distance(in_peft, ours) > 0.1


@pytest.mark.parametrize("method", ["linear", "ties", "magnitude_prune"])
def test_results_do_not_depend_on_how_an_adapter_is_factorised(method: str):
    options: dict[str, Any] = {"density": 0.5} if method != "linear" else {}
    model = two_adapters()
    adapters, _ = both(model)
    other = refactored(adapters[1], seed=3)
    before = merged_by_peft(model, [0.5, 0.5], method, **options)
    with torch.no_grad():
        for module, layer in layers_of(model).items():
            layer.lora_A["a1"].weight.copy_(other[module].A)
            layer.lora_B["a1"].weight.copy_(other[module].B / layer.scaling["a1"])
    model.delete_adapter("merged")
    assert distance(merged_by_peft(model, [0.5, 0.5], method, **options), before) > 0.2
    ours = [
        merge([adapters[0], second], method=method, weights=[0.5, 0.5], **options).adapter
        for second in (adapters[1], other)
    ]
    assert distance(*ours) < 1e-9


def test_factors_of_unequal_rank_are_filled_up():
    configs = [peft.LoraConfig(r=r, lora_alpha=8, target_modules={"first", "second"}) for r in (2, 4)]
    model = peft_model(configs)
    adapters, scales = both(model)
    with pytest.raises(ValueError, match="same r value"):
        merged_by_peft(model, [1.0, 1.0], "ties", density=0.5)
    with pytest.raises(ValueError, match=r"received ranks \[2, 4\]"):
        merge(adapters, method="ties", weights=[1, 1], density=0.5, compat="peft", scales=scales)
    assert merge(adapters, method="ties", weights=[1, 1], density=0.5).adapter["first"].rank == 4


def test_a_single_adapter_can_be_truncated():
    model = two_adapters()
    adapters, _ = both(model)
    in_peft = merged_by_peft(model, [1.0], "svd", names=["a0"], svd_rank=2)["first"]
    assert in_peft.rank == 4, "PEFT ignores the rank"
    ours = merge(adapters[:1], method="svd", weights=[1.0], rank=2)
    assert ours.adapter["first"].rank == 2
    errors = adapters[0]["first"].thin().truncation_errors()
    assert ours.report.modules["first"].distance_to_sum == pytest.approx(float(errors[2] / errors[0]), rel=1e-6)


def test_modules_that_the_first_adapter_does_not_reach_are_kept():
    def stack() -> nn.Module:
        model = nn.Module()
        model.add_module("layers", nn.ModuleList([nn.ModuleDict({"lin": nn.Linear(6, 6)}) for _ in range(2)]))
        return model

    configs = [
        peft.LoraConfig(r=2, target_modules={"lin"}, layers_to_transform=[layer], layers_pattern="layers")
        for layer in (0, 1)
    ]
    model = peft_model(configs, base=stack())
    adapters, _ = both(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        in_peft = merged_by_peft(model, [1.0, 1.0], "cat")
    assert list(in_peft) == ["layers.0.lin"], "PEFT loses the second adapter's only module"
    ours = merge(adapters, method="cat", weights=[1.0, 1.0])
    assert list(ours.adapter) == ["layers.0.lin", "layers.1.lin"]
    assert "lacks 1 of 2 modules" in ours.report.notes[0]


def test_the_clamp_does_not_depend_on_signs_of_singular_vectors():
    update = random_adapter(4)["first"]
    plain = merge([{"first": update}] * 2, method="svd", weights=[1, 1]).adapter["first"].thin()
    ours = merge([{"first": update}] * 2, method="svd", weights=[1, 1], svd_clamp=0.8).adapter["first"]
    limit = torch.quantile(torch.cat([(plain.U * plain.S).flatten().abs(), plain.V.flatten().abs()]), 0.8)
    clamped = (plain.U * plain.S).clamp(-limit, limit) @ plain.V.T.clamp(-limit, limit)
    assert torch.allclose(ours.dense(), clamped)


def test_two_full_copies_of_one_module_are_refused(tmp_path: Path):
    """As in PEFT: there is no rule to merge heads."""
    config = peft.LoraConfig(r=2, target_modules={"first"}, modules_to_save=["second"])
    model = peft_model([config] * 2)
    with pytest.raises(ValueError, match="modules_to_save"):
        merged_by_peft(model, [1.0, 1.0], "cat")
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"full copy of a module; received 'second' in adapters 0 and 1"):
        load_members([tmp_path / "a0", tmp_path / "a1"])
    assert load_members([tmp_path / "a0"]).saved == {"second": 0}


def test_folders_are_read_with_their_scales_and_the_result_loads_in_peft(tmp_path: Path):
    """From PEFT's files to a file of ours and back into PEFT: the merged adapter gives the merged output."""
    model = two_adapters(use_rslora=True)
    model.save_pretrained(tmp_path)
    loaded = load_members([tmp_path / "a0", tmp_path / "a1"])
    assert loaded.scales == [scales_from(model, name) for name in ("a0", "a1")]
    result = merge(loaded.adapters, method="linear", weights=[0.5, -0.5], compat="peft", scales=loaded.scales).adapter
    assert distance(result, merged_by_peft(model, [0.5, -0.5], "linear")) < 1e-6
    folder = save_lora(result, tmp_path / "merged", base_model="tiny")
    model.load_adapter(str(folder), adapter_name="ours")
    assert distance(adapter_from(model, "ours"), result) < 1e-6


def test_shapes_that_disagree_are_refused():
    wrong = {"first": LowRankUpdate(torch.ones(2, 9), torch.ones(14, 2))}
    with pytest.raises(ValueError, match=r"'first' must have one \(d_out, d_in\)"):
        merge([random_adapter(1), wrong], method="svd", weights=[1, 1])
