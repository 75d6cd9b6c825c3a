"""Elementwise merging of products in blocks of rows: one dense accumulator, never N dense updates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, check_one_module, computing_dtype
from .rules import Rule, RuleOptions, combine, kept_count, magnitude_threshold, random_mask

BLOCK_ELEMENTS = 1 << 20  # of the N blocks of rows together


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
    for the exact magnitude thresholds first. Random masks are drawn update by update, row by row, so that one
    generator gives the masks of whole matrices drawn one after the other.
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
            generators = _positions(merged, len(members), generator, options.density)
    for rows in _row_blocks(merged, len(members)):
        stack = merged.new_empty(len(members), rows.stop - rows.start, merged.shape[1])
        for place, member in enumerate(members):
            block = torch.mm(member.B[rows], member.A, out=stack[place])
            if thresholds:
                block.mul_(block.abs() >= thresholds[place])
            elif generators and options.density is not None:
                block.mul_(random_mask(block, options.density, generators[place])).div_(options.density)
        merged[rows] = combine(stack, weights, rule, options)
    return merged


def _row_blocks(matrix: Tensor, n_members: int) -> Iterator[slice]:
    rows = max(1, BLOCK_ELEMENTS // max(1, n_members * matrix.shape[1]))
    for start in range(0, matrix.shape[0], rows):
        yield slice(start, min(start + rows, matrix.shape[0]))


def _threshold(member: LowRankUpdate, scratch: Tensor, n_members: int, count: int) -> Tensor:
    # The same blocks as in the merge: a product of other shapes may round differently at the threshold itself.
    for rows in _row_blocks(scratch, n_members):
        torch.mm(member.B[rows], member.A, out=scratch[rows])
    return magnitude_threshold(scratch, count)


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
