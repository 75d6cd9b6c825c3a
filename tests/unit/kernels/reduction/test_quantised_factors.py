"""Quantised factors: scales are the best for their codes, the packed form reads back, error and bytes are true."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from kernels.lowrank import LowRankUpdate
from kernels.reduction import quantise, quantised_from_tensors, truncate
from kernels.reduction.packing import pack_codes, unpack_codes
from kernels.reduction.quantisation import pack_factor
from tests.unit.kernels.reduction.pools import adapter, generator, refactored, relative, update

BITS = [1, 4, 8]


@given(bits=st.sampled_from([1, 2, 4, 8]), values=st.lists(st.integers(0, 255), max_size=40))
def test_codes_survive_packing(bits: int, values: list):
    codes = torch.tensor([value % 2**bits for value in values], dtype=torch.uint8)
    packed = pack_codes(codes, bits)
    assert packed.numel() == -(-len(values) * bits // 8)
    assert torch.equal(unpack_codes(packed, bits, len(values)), codes)


def test_fewer_bytes_than_codes_are_refused():
    with pytest.raises(ValueError, match="1 bytes hold fewer than 9 codes of 1 bits"):
        unpack_codes(torch.zeros(1, dtype=torch.uint8), 1, 9)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("group_size", [None, 16, 7])
def test_no_other_scale_fits_the_same_codes_better(bits: int, group_size: int | None):
    matrix = torch.randn(3, 50, generator=generator(bits))
    packed = pack_factor(matrix, bits, group_size)
    least = (matrix - packed.dense()).square().sum()
    for factor in (0.9, 0.98, 1.02, 1.1):
        assert (matrix - packed.dense() * factor).square().sum() > least


def test_one_bit_is_the_sign_times_the_mean_magnitude_of_its_group():
    matrix = torch.randn(2, 10, generator=generator(0))
    dense = pack_factor(matrix, 1, 4).dense()
    for start, stop in ((0, 4), (4, 8), (8, 10)):
        group = matrix[:, start:stop]
        expected = torch.where(group >= 0, 1.0, -1.0) * group.abs().mean(1, keepdim=True)
        torch.testing.assert_close(dense[:, start:stop], expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize("bits", [4, 8])
def test_the_fitted_grid_is_never_worse_than_the_plain_one(bits: int):
    matrix = torch.randn(8, 256, generator=generator(1))
    top = 2 ** (bits - 1) - 1
    scale = matrix.view(8, 4, 64).abs().amax(-1, keepdim=True) / top
    plain = ((matrix.view(8, 4, 64) / scale).round() * scale).view(8, 256)
    fitted = pack_factor(matrix, bits, 64).dense()
    assert (matrix - fitted).square().sum() <= (matrix - plain).square().sum() * (1 + 1e-3)


@given(seed=st.integers(0, 10**6), bits=st.sampled_from(BITS))
@settings(max_examples=20, deadline=None)
def test_the_reported_error_is_the_dense_error(seed: int, bits: int):
    whole = adapter(seed, modules=2)
    quantised = quantise(whole, bits=bits, group_size=16)
    for name, before in whole.items():
        measured = relative(quantised.updates[name].dense().double(), before.dense())
        assert quantised.report.modules[name].relative_error == pytest.approx(measured, rel=1e-5)


def test_more_bits_and_smaller_groups_cost_bytes_and_gain_accuracy():
    whole = {"m": update(3, d_out=512, d_in=256, rank=8, dtype=torch.float32)}
    reports = [quantise(whole, bits=bits, group_size=group).report for bits in BITS for group in (None, 64, 16)]
    errors = [report.relative_error for report in reports]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.01
    sizes = [report.bytes_after for report in reports]
    assert sizes == sorted(sizes)


def test_bytes_are_codes_and_scales():
    report = quantise({"m": update(4, d_out=128, d_in=64, rank=4, dtype=torch.float32)}, bits=1, group_size=32).report
    assert report.bytes_after == 4 * 192 // 8 + 2 * 4 * 192 // 32 + 2 * 4
    assert report.bytes_before == 4 * 192 * 4


@given(seed=st.integers(0, 10**6), bits=st.sampled_from(BITS))
@settings(max_examples=15, deadline=None)
def test_balanced_factors_make_the_factorisation_irrelevant(seed: int, bits: int):
    one = update(seed)
    first = quantise({"m": one}, bits=bits).report.relative_error
    assert quantise({"m": refactored(one, seed + 1)}, bits=bits).report.relative_error == pytest.approx(first, rel=1e-2)


def test_balancing_lowers_the_error_of_lopsided_factors():
    one = update(5, d_out=128, d_in=128)
    lopsided = LowRankUpdate(one.A, one.B)
    lopsided = refactored(lopsided, 3)
    raw = quantise({"m": lopsided}, bits=4, is_balanced=False).report.relative_error
    assert quantise({"m": lopsided}, bits=4).report.relative_error < raw


@pytest.mark.parametrize("bits", BITS)
def test_a_file_of_the_packed_form_gives_the_same_bits(bits: int):
    quantised = quantise(adapter(6), bits=bits, group_size=None)
    again = quantised_from_tensors(load(save(quantised.tensors())))
    assert again.keys() == quantised.updates.keys()
    for name, one in again.items():
        assert torch.equal(one.A, quantised.updates[name].A)
        assert torch.equal(one.B, quantised.updates[name].B)


@pytest.mark.parametrize("bits", BITS)
def test_zero_adapters_empty_ranks_and_tiny_values_survive(bits: int):
    zero = LowRankUpdate(torch.randn(4, 10), torch.zeros(12, 4))
    none = truncate({"m": zero}, rank=0).updates["m"]
    tiny = update(7, dtype=torch.float32).scaled(1e-20)
    quantised = quantise({"zero": zero, "none": none, "tiny": tiny}, bits=bits)
    assert quantised.report.modules["zero"].relative_error == 0.0
    assert quantised.report.modules["none"].relative_error == 0.0
    assert 0.0 < quantised.report.modules["tiny"].relative_error < 1.0


def test_truncation_before_quantisation_chains():
    whole = adapter(8, dtype=torch.float32)
    cut = truncate(whole, rank=2)
    packed = quantise(cut.updates, bits=8)
    assert packed.report.bytes_after < cut.report.bytes_after < cut.report.bytes_before


@pytest.mark.parametrize("options", [{"bits": 3}, {"bits": 2}, {"bits": 8, "group_size": 0}])
def test_a_wrong_option_is_named_with_what_was_received(options: dict):
    with pytest.raises(ValueError, match="received"):
        quantise(adapter(0), **options)


def test_numbers_that_are_not_finite_are_refused():
    broken = LowRankUpdate(torch.full((2, 4), float("nan")), torch.ones(4, 2))
    with pytest.raises(ValueError, match="finite"):
        quantise({"m": broken}, bits=8, is_balanced=False)
