"""The canonical thin form: exact, unique, and blind to how an update happens to be factored."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.spectrum import Spectrum, spectrum_of, thin_form

SHAPES = [(4, 64, 48), (16, 700, 900), (1, 5, 7), (7, 4, 5), (64, 300, 200)]


def factors(rank: int, d_out: int, d_in: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(rank)
    return rng.standard_normal((rank, d_in)), rng.standard_normal((d_out, rank))


@pytest.mark.parametrize(("rank", "d_out", "d_in"), SHAPES)
def test_the_thin_form_is_the_update(rank: int, d_out: int, d_in: int) -> None:
    a, b = factors(rank, d_out, d_in)
    u, s, v = thin_form(a, b, 0.5)
    dense = 0.5 * b @ a
    assert np.linalg.norm(u * s @ v.T - dense) / np.linalg.norm(dense) < 1e-12
    assert np.all(u[np.argmax(np.abs(u), axis=0), np.arange(u.shape[1])] > 0)


@pytest.mark.parametrize(("rank", "d_out", "d_in"), SHAPES)
def test_singular_values_are_those_of_the_dense_update(rank: int, d_out: int, d_in: int) -> None:
    a, b = factors(rank, d_out, d_in)
    count = min(rank, d_out, d_in)
    expected = np.linalg.svd(2.0 * b @ a, compute_uv=False)[:count]
    np.testing.assert_allclose(spectrum_of(a, b, 2.0).singular_values[:count], expected, rtol=1e-10)


def test_another_factorisation_of_the_same_update_has_the_same_spectrum() -> None:
    a, b = factors(4, 60, 50)
    mix = np.random.default_rng(9).standard_normal((4, 4)) + 3 * np.eye(4)
    changed = spectrum_of(mix @ a, b @ np.linalg.inv(mix))
    np.testing.assert_allclose(changed.singular_values, spectrum_of(a, b).singular_values, rtol=1e-9)


def test_a_zero_update_has_no_norm_and_no_rank() -> None:
    a, b = factors(4, 60, 50)
    spectrum = spectrum_of(a, np.zeros_like(b))
    assert (spectrum.norm, spectrum.spectral_norm, spectrum.effective_rank) == (0.0, 0.0, 0.0)


def test_effective_rank_counts_equal_directions() -> None:
    assert Spectrum(np.ones(5)).effective_rank == pytest.approx(5.0)
    assert Spectrum(np.array([1.0, 0.0, 0.0])).effective_rank == pytest.approx(1.0)
