"""A hull stores its members once and gives any mixture exactly."""

from __future__ import annotations

import pytest

from kernels.merging import ConvexHull, merge, preference_grid
from tests.unit.kernels.merging.support import distance, random_adapter

MEMBERS = [random_adapter(1, rank=2), random_adapter(2, rank=4), {"first": random_adapter(3)["first"]}]


@pytest.mark.parametrize("point", preference_grid(3, steps=3))
def test_every_point_is_the_weighted_sum(point: tuple[float, ...]):
    mixture = ConvexHull(MEMBERS).at(point)
    expected = merge(MEMBERS, method="cat", weights=point).adapter
    for name, update in expected.items():
        assert (mixture[name].dense() - update.dense()).norm() <= 1e-12 * (1 + update.dense().norm())


def test_corners_are_the_members():
    assert distance(ConvexHull(MEMBERS[:2]).at([0, 1]), MEMBERS[1]) < 1e-12


def test_mixtures_share_the_factors_of_the_hull():
    hull = ConvexHull(MEMBERS)
    left, right = hull.at([0.2, 0.3, 0.5]), hull.at([1, 0, 0])
    assert left["first"].B.data_ptr() == right["first"].B.data_ptr()
    sizes = [t.numel() * 8 for member in MEMBERS for update in member.values() for t in (update.A, update.B)]
    assert hull.size_bytes == sum(sizes)


def test_norms_and_distances_need_no_mixture():
    hull, one, other = ConvexHull(MEMBERS), [0.2, 0.3, 0.5], [0.6, 0.4, 0.0]
    dense = [{name: update.dense() for name, update in hull.at(point).items()} for point in (one, other)]
    norm = sum(float(D.norm()) ** 2 for D in dense[0].values()) ** 0.5
    apart = sum(float((dense[0][name] - dense[1][name]).norm()) ** 2 for name in dense[0]) ** 0.5
    assert hull.norm(one) == pytest.approx(norm, rel=1e-10)
    assert hull.distance(one, other) == pytest.approx(apart, rel=1e-10)
    assert hull.distance(one, one) == 0.0


def test_the_grid_covers_the_simplex():
    grid = preference_grid(3, steps=4)
    assert len(grid) == len(set(grid)) == 15
    assert all(sum(point) == pytest.approx(1.0) and min(point) >= 0 for point in grid)
    assert preference_grid(1, steps=2) == [(1.0,)]


@pytest.mark.parametrize("point", [[0.5, 0.5], [0.5, 0.6, 0.1], [1.2, -0.2, 0.0], [float("nan"), 0.5, 0.5]])
def test_points_outside_are_refused(point: list[float]):
    with pytest.raises(ValueError, match="of sum 1; received"):
        ConvexHull(MEMBERS).at(point)


def test_nothing_to_mix_is_refused():
    with pytest.raises(ValueError, match="at least one adapter"):
        ConvexHull([])
    with pytest.raises(ValueError, match="received 2 and 0"):
        preference_grid(2, steps=0)
