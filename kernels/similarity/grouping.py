"""Groups out of pairs."""

from __future__ import annotations

from collections.abc import Sequence


def joined(count: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Connected components of `count` things under `pairs`, singletons included, in order of their first member."""
    parent = list(range(count))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    groups: dict[int, list[int]] = {}
    for place in range(count):
        groups.setdefault(root(place), []).append(place)
    return list(groups.values())
