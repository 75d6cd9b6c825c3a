"""Sketches estimate the cosine of whole updates, whatever the factorisation, and cost milliseconds."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.lowrank import LowRankUpdate
from kernels.similarity import Sketcher, all_cosines, cosine_similarities, cosines, encode, initial_a_similarities
from kernels.similarity.codes import standard_error
from kernels.similarity.sketching import INITIAL_A_SIZE, UPDATE_SIZE, Sketches
from tests.unit.kernels.reduction.pools import adapter, refactored, update

NOISE = 4.5  # standard errors that no estimate of these tests may be off by
seeds = st.integers(0, 10_000)


def sketched(one: dict[str, LowRankUpdate]) -> Sketches:
    sketcher = Sketcher()
    for name, each in one.items():
        sketcher.add(name, each.A.numpy(), each.B.numpy())
    return sketcher.finish()


def estimated(first: dict[str, LowRankUpdate], second: dict[str, LowRankUpdate]) -> float:
    codes = [encode(sketched(one).update) for one in (first, second)]
    return float(cosines(codes[0], codes[1:])[0])


def mixed(first: dict[str, LowRankUpdate], second: dict[str, LowRankUpdate], weight: float) -> dict[str, LowRankUpdate]:
    """`first + weight * second`, exactly, as factors side by side."""
    return {
        name: LowRankUpdate(torch.cat([one.A, second[name].A]), torch.cat([one.B, weight * second[name].B], dim=1))
        for name, one in first.items()
    }


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_another_factorisation_changes_no_bit_of_the_code_but_by_rounding(seed: int):
    one = adapter(seed)
    other = {name: refactored(each, seed + 1) for name, each in one.items()}
    first, second = sketched(one), sketched(other)
    np.testing.assert_allclose(first.update, second.update, atol=1e-9 * first.norm)
    assert second.norm == pytest.approx(first.norm, rel=1e-9)
    assert estimated(one, other) > 0.9999


@given(seed=seeds, factor=st.floats(1e-6, 1e6))
@settings(max_examples=15, deadline=None)
def test_an_exact_copy_and_a_scaled_one_have_cosine_one(seed: int, factor: float):
    one = adapter(seed)
    assert estimated(one, dict(one)) == 1.0
    assert estimated(one, {name: each.scaled(factor) for name, each in one.items()}) == pytest.approx(1.0, abs=1e-4)
    assert estimated(one, {name: -each for name, each in one.items()}) == pytest.approx(-1.0, abs=1e-4)


@given(seed=seeds, weight=st.floats(0.01, 10))
@settings(max_examples=30, deadline=None)
def test_the_estimate_is_within_its_stated_error_of_the_cosine(seed: int, weight: float):
    first, second = adapter(seed, modules=6), adapter(seed + 20_000, modules=6)
    blend = mixed(first, second, weight)
    exact = float(cosine_similarities([first], [blend])[0, 0])
    # Twice the error of independent entries: few modules of a low rank, as the docstring says.
    assert abs(estimated(first, blend) - exact) < 2 * NOISE * standard_error(exact) + 1e-4


def test_independent_adapters_scatter_around_zero_with_the_stated_error():
    pool = [adapter(seed, modules=8) for seed in range(60)]
    found = all_cosines([encode(sketched(one).update) for one in pool])
    exact = cosine_similarities(pool).numpy()
    errors = (found - exact)[np.triu_indices(len(pool), 1)]
    assert errors.std() == pytest.approx(1 / math.sqrt(UPDATE_SIZE), rel=0.15)
    assert abs(errors.mean()) < 0.004


def test_different_target_modules_compare_as_zero_where_one_has_none():
    one = adapter(1, modules=6)
    half = {name: one[name] for name in list(one)[:3]}
    exact = float(cosine_similarities([one], [half])[0, 0])
    assert 0.1 < exact < 0.9
    assert abs(estimated(one, half) - exact) < NOISE * standard_error(exact) * 1.5
    assert abs(estimated({"a": update(1)}, {"b": update(1)})) < NOISE * standard_error(0.0) * 1.5


def test_the_norm_is_exact():
    one = adapter(3)
    assert sketched(one).norm == pytest.approx(math.sqrt(sum(each.norm() ** 2 for each in one.values())), rel=1e-9)


def test_the_second_sketch_estimates_the_likeness_of_the_starts():
    pool = []
    for seed in range(6):
        start, own = adapter(seed % 2, modules=8), adapter(100 + seed, modules=8)
        pool.append({name: LowRankUpdate(start[name].A + 0.2 * own[name].A, own[name].B) for name in own})
    exact = initial_a_similarities(pool).numpy()
    found = all_cosines([encode(sketched(one).initial_a) for one in pool])
    assert np.abs(found - exact).max() < NOISE / math.sqrt(INITIAL_A_SIZE)
    assert found[0, 2] > 0.8
    assert abs(found[0, 1]) < 0.35


def test_starts_of_other_ranks_are_not_alike():
    wide, narrow = update(1, rank=6), update(1, rank=6)
    narrow = LowRankUpdate(narrow.A[:3], narrow.B[:, :3])
    codes = [encode(sketched({"q": one}).initial_a) for one in (wide, narrow)]
    assert abs(cosines(codes[0], codes[1:])[0]) < NOISE / math.sqrt(INITIAL_A_SIZE)


def test_a_table_to_which_rows_were_added_still_compares():
    short = update(4, d_in=40)
    long = LowRankUpdate(torch.nn.functional.pad(short.A, (0, 3)), short.B)
    assert estimated({"embed": short}, {"embed": long}) == 1.0


def drawn(seed: str, count: int) -> tuple[list[int], list[int]]:
    """Buckets and signs as the module's docstring has them, written out again."""
    raw = hashlib.shake_128(f"adapter sketch 1|{seed}".encode()).digest(2 * count)
    words = [raw[2 * at] + 256 * raw[2 * at + 1] for at in range(count)]
    return [word % 512 for word in words], [-1 if word >= 32768 else 1 for word in words]


def test_every_entry_of_the_dense_update_goes_with_its_sign_into_its_bucket():
    one = update(7, d_out=9, d_in=11, rank=3)
    dense, expected = one.dense().numpy(), np.zeros(UPDATE_SIZE)
    columns, rows = drawn("layers.0.q|in", 11), drawn("layers.0.q|out", 9)
    for at, row in enumerate(dense):
        for to, value in enumerate(row):
            expected[(rows[0][at] + columns[0][to]) % UPDATE_SIZE] += rows[1][at] * columns[1][to] * value
    np.testing.assert_allclose(sketched({"layers.0.q": one}).update, expected, atol=1e-9)
    assert drawn("layers.0.q|in", 4) == ([155, 69, 415, 413], [-1, -1, -1, -1])


def test_nothing_has_no_direction_and_trouble_is_named():
    empty = Sketcher().finish()
    assert (encode(empty.update), encode(empty.initial_a), empty.norm) == (b"", b"", 0.0)
    one = encode(sketched(adapter(1)).update)
    assert cosines(b"", [one, b""]).tolist() == [0.0, 0.0]
    assert cosines(one, [b"", one]).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="received 512 and \\[3\\]"):
        cosines(one, [b"abc"])
    with pytest.raises(ValueError, match="finite"):
        encode(np.array([1.0, math.nan]))
    with pytest.raises(ValueError, match="must multiply"):
        Sketcher().add("q", np.zeros((2, 3)), np.zeros((4, 3)))


def test_one_among_thousands_is_found_by_one_product():
    rng = np.random.default_rng(0)
    rows = [row.tobytes() for row in rng.integers(-127, 128, (8192, UPDATE_SIZE), dtype=np.int8)]
    found = cosines(rows[17], rows)
    assert int(found.argmax()) == 17
    assert np.delete(found, 17).max() < NOISE * 1.2 / math.sqrt(UPDATE_SIZE)


def test_a_block_at_a_time_gives_the_same_sketch(monkeypatch: pytest.MonkeyPatch):
    one = adapter(5)
    whole = sketched(one)
    monkeypatch.setattr("kernels.similarity.sketching._BLOCK_ELEMENTS", 7)
    np.testing.assert_allclose(sketched(one).update, whole.update, rtol=1e-12, atol=1e-12)
