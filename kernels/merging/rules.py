"""The elementwise rules: keep the largest entries, drop at random, elect a sign, add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

MajoritySign = Literal["total", "frequency"]


@dataclass(frozen=True)
class Rule:
    """What is done to every entry: which pruning, and whether a sign is elected (TIES) or all are added up."""

    prune: Literal["magnitude", "random"] | None
    elects_sign: bool


RULES = {
    "linear": Rule(None, False),
    "ties": Rule("magnitude", True),
    "dare_linear": Rule("random", False),
    "dare_ties": Rule("random", True),
    "magnitude_prune": Rule("magnitude", False),
}


@dataclass(frozen=True)
class RuleOptions:
    """How a rule is applied. `is_peft_order` elects signs before the weights are applied, as PEFT does.

    With negative weights that order lets a subtracted adapter vote for the sign it is subtracted from.
    """

    density: float | None = None
    majority_sign: MajoritySign = "total"
    is_peft_order: bool = False


def rule_named(name: str) -> Rule:
    """The rule of that name; ValueError otherwise."""
    if name not in RULES:
        raise ValueError(f"the elementwise rule must be one of {', '.join(RULES)}; received {name!r}")
    return RULES[name]


def check_options(rule: Rule, options: RuleOptions) -> None:
    """ValueError unless density is in (0, 1] where the rule prunes, absent where not, and the election is known."""
    density = options.density
    if rule.prune is None and density is not None:
        raise ValueError(f"density has no effect without pruning; received {density!r}")
    if rule.prune is not None and (density is None or not 0.0 < density <= 1.0):
        raise ValueError(f"density must be in (0, 1], the share of entries to keep; received {density!r}")
    if options.majority_sign not in ("total", "frequency"):
        raise ValueError(f"majority_sign must be 'total' or 'frequency'; received {options.majority_sign!r}")


def kept_count(numel: int, density: float, module: str) -> int:
    """How many of `numel` entries a density keeps; ValueError when it is none (PEFT then gives a zero adapter)."""
    count = int(density * numel)
    if count < 1:
        raise ValueError(f"density {density!r} keeps none of the {numel} entries of {module!r}; raise it")
    return count


def magnitude_threshold(scratch: Tensor, count: int) -> Tensor:
    """The `count`-th largest magnitude of `scratch`, a scalar tensor. `scratch` is overwritten: no copy is made."""
    flat = scratch.abs_().view(-1)
    place = flat.numel() - count
    if flat.device.type == "cpu":
        flat.numpy().partition(place)
        return flat[place].clone()
    return torch.kthvalue(flat, place + 1).values


def keep_largest(tensor: Tensor, threshold: Tensor) -> Tensor:
    """The entries of at least this magnitude, zero elsewhere; what `magnitude_threshold` counted stays."""
    below = torch.nextafter(threshold, torch.zeros_like(threshold))
    return torch.nn.functional.hardshrink(tensor, float(below))


def random_mask(like: Tensor, density: float, generator: torch.Generator) -> Tensor:
    """Ones with probability `density`, else zeros, drawn entry by entry: blocks of rows draw what the whole would.

    They are drawn on the generator's device, so that one seed gives the same masks on every device.
    """
    chances = torch.full(like.shape, density, dtype=like.dtype, device=generator.device)
    return torch.bernoulli(chances, generator=generator).to(like.device)


def combine(stack: Tensor, weights: Sequence[float], rule: Rule, options: RuleOptions) -> Tensor:
    """Merge pruned entries (N, ...) with one weight each into (...). `stack` is overwritten.

    Without an election: `sum w_i x_i`. TIES (Yadav et al., arXiv 2306.01708, section 4): the sign of the sum
    ("total") or of the sum of signs ("frequency"), 0 counting as +; then the mean of the entries that agree, over
    those that agree. Weights are not normalised: w_i = 1 is the paper's mean times lambda = 1.
    """
    dtype = torch.float32 if options.is_peft_order else stack.dtype  # PEFT holds weights in float32
    factors = torch.tensor(list(weights), dtype=torch.float64).to(dtype).to(stack.device)
    factors = factors.view(-1, *[1] * (stack.ndim - 1))
    if not rule.elects_sign:
        return stack.mul_(factors).sum(dim=0)
    if not options.is_peft_order:
        stack.mul_(factors)
    votes = stack.sum(dim=0) if options.majority_sign == "total" else stack.sign().sum(dim=0)
    elected = torch.where(votes >= 0, 1.0, -1.0).to(stack.dtype)
    # Entries of the elected sign by magnitude, all others 0: one pass instead of masks of N signs.
    agreeing = stack.mul_(elected).relu_()
    count = (agreeing > 0).sum(dim=0, dtype=stack.dtype).clamp_(min=1.0)
    if options.is_peft_order:
        agreeing.mul_(factors)
    return agreeing.sum(dim=0).mul_(elected).div_(count)
