"""The one entry: merge adapters by any method, with PEFT's defects fixed or raised, or equal to PEFT."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal

import torch
from torch import Tensor

from ..lowrank import Adapter, LowRankUpdate
from .core_space import SPECTRAL_RULES, core_space
from .elementwise import on_factors, on_products
from .exact import concatenate, sum_and_truncate
from .knots import knots
from .members import Members, Scales, checked_weights, members_of, modules_of, zero_update
from .mera import align_and_add
from .methods import Alignment, Merged, Method, Settings
from .report import MergeReport, MergeResult, describe
from .rules import RULES, MajoritySign, Rule, RuleOptions, check_options, rule_named
from .spectral import flatten_spectrum, orthogonalise_triplets


@dataclass(frozen=True)
class Entry:
    """A method and the options that mean something to it."""

    method: Method
    rule: Rule | None = None
    takes_rank: bool = False
    takes_inner: bool = False
    is_peft: bool = False


METHODS: dict[str, Entry] = {
    "cat": Entry(concatenate, is_peft=True),
    "svd": Entry(sum_and_truncate, takes_rank=True, is_peft=True),
    **{name: Entry(on_factors(name), rule, is_peft=True) for name, rule in RULES.items()},
    **{
        f"{name}_svd": Entry(on_products(name), rule, takes_rank=True, is_peft=True)
        for name, rule in RULES.items()
        if name != "linear"  # its sum of products is "svd"
    },
    "knots": Entry(knots, takes_rank=True, takes_inner=True),
    "core_space": Entry(core_space, takes_rank=True, takes_inner=True),
    "tsv_m": Entry(orthogonalise_triplets, takes_rank=True),
    "iso_c": Entry(flatten_spectrum, takes_rank=True),
    "mera": Entry(align_and_add),
}


def merge(
    adapters: Sequence[Adapter],
    *,
    method: str,
    weights: Sequence[float],
    rank: int | None = None,
    density: float | None = None,
    majority_sign: MajoritySign = "total",
    inner: str | None = None,
    alignment: Alignment = "permutation",
    inputs: Mapping[str, Tensor] | None = None,
    svd_clamp: float | None = None,
    seed: int = 0,
    compat: Literal["peft"] | None = None,
    scales: Scales | None = None,
    progress: Callable[[float], None] | None = None,
) -> MergeResult:
    """Merge adapters, module path -> LowRankUpdate, into one; the methods are the keys of `METHODS`.

    `weights` one per adapter, any sign, not normalised; weight 0 drops an adapter, and a module that one adapter
    alone has is taken over times its weight. `rank` is that of the result (*svd: the largest by default; knots,
    core_space, tsv_m, iso_c: untruncated). `density` is the share of entries that ties*, dare* and magnitude_prune*
    keep. `inner` is the rule inside knots and core_space, "ties" by default. `inputs` (samples, d_in) by module and
    `alignment` are for mera. `seed` fixes the masks of dare*, one stream per module. `progress` is given the share
    of modules done.

    compat="peft" gives what PEFT 0.21's add_weighted_adapter gives: modules in the model's order, `scales` the LoRA
    scale of each adapter (or of each of its modules), the masks those of `torch.manual_seed(seed)` at the first
    merged module. What would be a defect there is fixed or raised here: docs of `kernels.merging` name each.
    ValueError names what was received.
    """
    numbers = checked_weights(adapters, weights)
    entry, name, notes = _choose(method, adapters, compat, scales)
    settings = _settings(
        entry, name, rank, density, majority_sign, inner, alignment, svd_clamp, is_peft=compat == "peft"
    )
    if inputs is not None and name != "mera":
        raise ValueError(f"inputs are for 'mera'; received them with {method!r}")
    stream = torch.Generator().manual_seed(seed)
    merged: dict[str, LowRankUpdate] = {}
    reports = {}
    modules = modules_of(adapters)
    for done, module in enumerate(modules, start=1):
        members = members_of(adapters, numbers, module, scales=scales, keep_idle=compat == "peft")
        own = replace(
            settings,
            generator=stream if compat == "peft" else _generator(seed, module),
            inputs=None if inputs is None else inputs[module],
        )
        result = _merge_module(members, entry, own)
        merged[module] = result.update
        reports[module] = describe(result, members)
        if progress is not None:
            progress(done / len(modules))
    notes += _notes(adapters, numbers, modules)
    return MergeResult(merged, MergeReport(name, tuple(numbers), compat, seed, tuple(notes), reports))


def _merge_module(members: Members, entry: Entry, settings: Settings) -> Merged:
    if not members.updates:
        return Merged(zero_update(members))
    if len(members.updates) == 1 and not settings.is_peft:
        # One adapter has no other to be reconciled with: nothing is pruned, only truncated where a rank is given.
        if settings.rank is not None or settings.svd_clamp is not None:
            return sum_and_truncate(members, settings)
        return Merged(members.weighted()[0], distance_to_sum=0.0)
    return entry.method(members, settings)


def _choose(
    method: str, adapters: Sequence[Adapter], compat: str | None, scales: Scales | None
) -> tuple[Entry, str, list[str]]:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; received {method!r}")
    if compat not in (None, "peft"):
        raise ValueError(f"compat must be None or 'peft'; received {compat!r}")
    if scales is not None and len(scales) != len(adapters):
        raise ValueError(f"scales must be one per adapter: {len(adapters)} adapters, received {len(scales)} scales")
    if compat is None:
        if scales is not None:
            raise ValueError("scales are for compat='peft': updates hold their scale; received them without it")
        return METHODS[method], method, []
    if not METHODS[method].is_peft:
        raise ValueError(f"PEFT knows no method {method!r}; leave compat out")
    if len(adapters) == 1 and method != "linear":
        return (
            METHODS["linear"],
            "linear",
            [f"PEFT merges a single adapter by 'linear', whatever is asked: {method!r}."],
        )
    return METHODS[method], method, []


def _settings(
    entry: Entry,
    name: str,
    rank: int | None,
    density: float | None,
    majority_sign: MajoritySign,
    inner: str | None,
    alignment: Alignment,
    svd_clamp: float | None,
    *,
    is_peft: bool,
) -> Settings:
    if rank is not None and (rank < 1 or not (entry.takes_rank or is_peft)):
        raise ValueError(f"rank must be at least 1, for a method that truncates; received {rank} with {name!r}")
    if inner is not None and not entry.takes_inner:
        raise ValueError(f"inner is for 'knots' and 'core_space'; received {inner!r} with {name!r}")
    if alignment not in ("permutation", "rotation") or (alignment != "permutation" and name != "mera"):
        raise ValueError(f"alignment must be 'permutation' or 'rotation', for 'mera'; received {alignment!r}")
    if svd_clamp is not None and not (entry.takes_rank and 0.0 < svd_clamp <= 1.0):
        raise ValueError(f"svd_clamp must be in (0, 1], for a method that truncates; received {svd_clamp!r}")
    inner = inner or "ties"
    options = RuleOptions(density, majority_sign, is_peft)
    is_spectral = name == "core_space" and inner in SPECTRAL_RULES
    rule = rule_named(inner) if entry.takes_inner and not is_spectral else entry.rule or RULES["linear"]
    is_forced_linear = is_peft and name == "linear"
    check_options(rule, replace(options, density=None) if is_forced_linear else options)
    return Settings(torch.Generator(), options, rank if entry.takes_rank else None, inner, alignment, None, svd_clamp)


def _generator(seed: int, module: str) -> torch.Generator:
    """A stream of its own for every module, so that masks do not depend on the other modules."""
    digest = blake2b(f"{seed}:{module}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest) >> 1)


def _notes(adapters: Sequence[Adapter], weights: Sequence[float], modules: Sequence[str]) -> list[str]:
    notes = []
    for place, (adapter, weight) in enumerate(zip(adapters, weights, strict=True)):
        if weight == 0.0:
            notes.append(f"Adapter {place} has weight 0 and takes no part.")
        missing = [module for module in modules if module not in adapter]
        if missing:
            notes.append(f"Adapter {place} lacks {len(missing)} of {len(modules)} modules, {missing[0]!r} among them.")
    return notes
