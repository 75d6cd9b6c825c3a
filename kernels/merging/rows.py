"""Elementwise merging of products in blocks of rows: one dense accumulator, never N dense updates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, check_one_module, computing_dtype
from .rules import Rule, RuleOptions, combine, keep_largest, kept_count, magnitude_threshold, random_mask

BLOCK_ELEMENTS = 1 << 18  # of the N blocks of rows together: small enough for a cache
_SAMPLED, _MARGIN = 256, 0.02  # rows and columns that are sampled for a threshold, and how far it may mislead


def merge_rows(
    updates: Sequence[LowRankUpdate],
    weights: Sequence[float],
    *,
    rule: Rule,
    options: RuleOptions,
    generator: torch.Generator,
    module: str = "",
) -> Tensor:
    """The merged dense matrix (d_out, d_in) of `D_i = B_i A_i` under an elementwise rule.

    Beside the result there are N blocks of rows (`BLOCK_ELEMENTS` entries together); the result's own memory serves
    for the exact magnitude thresholds first. Every update draws its random masks from a stream of its own, begun by
    `generator`; in PEFT's order they are those of whole matrices drawn one after the other from `generator`.
    """
    check_one_module(updates)
    dtype = computing_dtype(*(update.dtype for update in updates))
    members = [update.to(dtype) for update in updates]
    merged = members[0].A.new_empty(members[0].d_out, members[0].d_in)
    is_pruned = rule.prune is not None and options.density is not None and options.density < 1.0
    thresholds, generators = [], []
    if is_pruned and options.density is not None:
        count = kept_count(merged.numel(), options.density, module)
        if rule.prune == "magnitude":
            thresholds = [_threshold(member, merged, len(members), count) for member in members]
        else:
            if options.is_peft_order:
                generators = _positions(merged, len(members), generator, options.density)
            else:
                generators = _spawned(generator, len(members))
    blocks = list(_row_blocks(merged, len(members)))
    memory = merged.new_empty(len(members), blocks[0].stop if blocks else 0, merged.shape[1])
    for rows in blocks:
        stack = memory[:, : rows.stop - rows.start]
        for place, member in enumerate(members):
            block = torch.mm(member.B[rows], member.A, out=stack[place])
            if thresholds:
                block.copy_(keep_largest(block, thresholds[place]))
            elif generators and options.density is not None:
                block.mul_(random_mask(block, options.density, generators[place])).div_(options.density)
        merged[rows] = combine(stack, weights, rule, options)
    return merged


def _row_blocks(matrix: Tensor, n_members: int) -> Iterator[slice]:
    rows = max(1, BLOCK_ELEMENTS // max(1, n_members * matrix.shape[1]))
    for start in range(0, matrix.shape[0], rows):
        yield slice(start, min(start + rows, matrix.shape[0]))


def _threshold(member: LowRankUpdate, scratch: Tensor, n_members: int, count: int) -> Tensor:
    """The `count`-th largest magnitude of a member, exactly: a sample says where to look, one pass counts below it.

    Only the few entries near the threshold are put in order; where the sample misled, all of them.
    """
    place = scratch.numel() - count
    low, high = _bracket(member, place / scratch.numel())
    below, near = scratch.new_zeros((), dtype=torch.int64), []
    # The same blocks as in the merge: a product of other shapes may round differently at the threshold itself.
    for rows in _row_blocks(scratch, n_members):
        torch.mm(member.B[rows], member.A, out=scratch[rows])
    for rows in _row_blocks(scratch, 1):
        sizes = scratch[rows].abs_()
        is_below = sizes < low
        below += is_below.sum()
        near.append(sizes[is_below.logical_not_().logical_and_(sizes <= high)])
    inside = torch.cat(near)
    at = place - int(below)
    if 0 <= at < inside.numel():
        return torch.kthvalue(inside, at + 1).values
    return magnitude_threshold(scratch, count)


def _bracket(member: LowRankUpdate, share: float) -> tuple[Tensor, Tensor]:
    """Two magnitudes that the quantile `share` of |B A| very likely lies between, from rows and columns spread out."""
    rows, columns = (max(1, size // _SAMPLED) for size in (member.d_out, member.d_in))
    sample = (member.B[::rows] @ member.A[:, ::columns]).abs().flatten().sort().values
    last = sample.numel() - 1
    places = (int((share - _MARGIN) * last), int((share + _MARGIN) * last) + 1)
    low, high = (sample[min(last, max(0, place))] for place in places)
    return low if places[0] > 0 else torch.zeros_like(low), high if places[1] < last else high + torch.inf


def _spawned(generator: torch.Generator, count: int) -> list[torch.Generator]:
    seeds = torch.randint(1 << 62, (count,), generator=generator, device=generator.device)
    return [torch.Generator(device=generator.device).manual_seed(seed) for seed in seeds.tolist()]


def _positions(like: Tensor, n_members: int, generator: torch.Generator, density: float) -> list[torch.Generator]:
    """A generator at the first entry of each member's mask; `generator` itself ends after the last."""
    positions = []
    for _ in range(n_members):
        position = torch.Generator(device=generator.device)
        position.set_state(generator.get_state())
        positions.append(position)
        for rows in _row_blocks(like, n_members):
            random_mask(like[rows], density, generator)
    return positions
