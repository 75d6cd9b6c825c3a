"""PEFT's elementwise types: on factors (linear, ties, ...) and on products (ties_svd, ...)."""

from __future__ import annotations

from math import copysign, sqrt

import torch
from torch import Tensor

from ..lowrank import LowRankUpdate, computing_dtype, padded, thin_forms
from .dense_svd import truncated_svd
from .members import Members
from .methods import Merged, Method, Settings, truncated
from .rows import merge_rows
from .rules import Rule, combine, keep_largest, kept_count, magnitude_threshold, random_mask, rule_named


def on_factors(rule_name: str) -> Method:
    """The method that applies a rule to A (r, d_in) and to B (d_out, r) apart, weights under square roots.

    The product has cross terms B_i A_j: this is *not* the rule applied to the updates. By default it acts on the
    balanced canonical factors, so that the result does not depend on how adapters were factorised; unequal ranks are
    filled up with zeros. Like PEFT it acts on raw factors, which must have one rank.
    """
    rule = rule_named(rule_name)

    def merge(members: Members, settings: Settings) -> Merged:
        if settings.is_peft:
            A, B, weights = _raw_factors(members)
        else:
            A, B = _canonical_factors(members)
            weights = members.weights
        # The sign goes to one side only: on both it would cancel.
        roots = [sqrt(abs(weight)) for weight in weights]
        signed = [copysign(root, weight) for root, weight in zip(roots, weights, strict=True)]
        merged_A = _merge_stack(A, signed, rule, settings, members.module)
        merged_B = _merge_stack(B, roots, rule, settings, members.module)
        return Merged(LowRankUpdate(merged_A, merged_B))

    return merge


def on_products(rule_name: str) -> Method:
    """The method that applies a rule to the entries of D_i and truncates by SVD to the rank (default: the largest).

    Runs in blocks of rows with one dense accumulator (d_out, d_in); see `merge_rows` and `truncated_svd`.
    """
    rule = rule_named(rule_name)

    def merge(members: Members, settings: Settings) -> Merged:
        dense = merge_rows(
            members.updates,
            members.weights,
            rule=rule,
            options=settings.rule_options,
            generator=settings.generator,
            module=members.module,
        )
        rank = settings.rank or members.rank
        # Its own generator: PEFT's masks of the next module follow those of this one.
        start = torch.Generator().manual_seed(0)
        tolerance, blocks = (3e-6, 24) if settings.is_peft else (1e-4, 16)
        form, residual = truncated_svd(dense, rank, generator=start, tolerance=tolerance, max_blocks=blocks)
        return Merged(truncated(form, settings, rank), svd_residual=residual)

    return merge


def _raw_factors(members: Members) -> tuple[Tensor, Tensor, tuple[float, ...]]:
    """A (N, r, d_in) and B (N, d_out, r) without their scales, and the weights times the scales."""
    ranks = sorted({update.rank for update in members.updates})
    if len(ranks) > 1:
        raise ValueError(f"PEFT merges factors of one rank only; received ranks {ranks} in module {members.module!r}")
    if members.scales is None:
        raise ValueError(
            "compat='peft' needs `scales`, the LoRA scale of each adapter, to merge factors; received None"
        )
    dtype = computing_dtype(*(update.dtype for update in members.updates))
    pairs = list(zip(members.updates, members.scales, strict=True))
    A = torch.stack([update.A.to(dtype) for update, _ in pairs])
    B = torch.stack([update.B.to(dtype) / scale for update, scale in pairs])
    return A, B, tuple(weight * scale for weight, scale in zip(members.weights, members.scales, strict=True))


def _canonical_factors(members: Members) -> tuple[Tensor, Tensor]:
    B, A = padded([form.as_update() for form in thin_forms(members.updates)])
    return A, B


def _merge_stack(stack: Tensor, weights: list[float], rule: Rule, settings: Settings, module: str) -> Tensor:
    density = settings.rule_options.density
    if rule.prune is not None and density is not None and density < 1.0:
        for factor in stack:
            if rule.prune == "magnitude":
                count = kept_count(factor.numel(), density, module)
                factor.copy_(keep_largest(factor, magnitude_threshold(factor.clone(), count)))
            else:
                factor.mul_(random_mask(factor, density, settings.generator)).div_(density)
    return combine(stack, weights, rule, settings.rule_options)
