"""The options of a merge, checked before a job: which method knows which, and in what range.

The numerics are those of ``kernels.merging``, which the web process does not load; a test holds this table to it.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from catalog.derivations.checks import Check, one_of, refuse_unknown, share, whole, wrong
from catalog.errors import InvalidInput

DTYPES = ("float32", "float16", "bfloat16")
_RULES = {"linear": False, "ties": True, "dare_linear": True, "dare_ties": True, "magnitude_prune": True}
_SPECTRAL = ("tsv_m", "iso_c")
_LARGEST_WEIGHT, _MOST_RANK = 1000.0, 4096


@dataclass(frozen=True)
class Method:
    """What a method is, in one sentence, and which options mean something to it."""

    says: str
    has_density: bool = False
    has_rank: bool = False
    has_inner: bool = False
    is_peft: bool = False


METHODS: dict[str, Method] = {
    "cat": Method("the exact weighted sum, of rank r1 + r2 + ...", is_peft=True),
    "svd": Method("the weighted sum, truncated to a rank", has_rank=True, is_peft=True),
    "linear": Method("factors added, each with the root of its weight", is_peft=True),
    "ties": Method("factors trimmed, signs elected, those that agree averaged", has_density=True, is_peft=True),
    "dare_linear": Method("factors dropped at random and rescaled, then added", has_density=True, is_peft=True),
    "dare_ties": Method("factors dropped at random and rescaled, then as ties", has_density=True, is_peft=True),
    "magnitude_prune": Method("the largest entries of factors, added", has_density=True, is_peft=True),
    "ties_svd": Method("ties on the updates themselves", has_density=True, has_rank=True, is_peft=True),
    "dare_linear_svd": Method("dare_linear on the updates themselves", has_density=True, has_rank=True, is_peft=True),
    "dare_ties_svd": Method("dare_ties on the updates themselves", has_density=True, has_rank=True, is_peft=True),
    "magnitude_prune_svd": Method(
        "magnitude_prune on the updates themselves", has_density=True, has_rank=True, is_peft=True
    ),
    "knots": Method("a rule in the right singular space that all share", has_rank=True, has_inner=True),
    "core_space": Method("a rule on small cores in bases that all share", has_rank=True, has_inner=True),
    "tsv_m": Method("leading singular triplets, made orthogonal", has_rank=True),
    "iso_c": Method("the sum with all singular values alike", has_rank=True),
    "mera": Method("directions aligned, then averaged"),
}
SETTINGS = ("density", "rank", "majority_sign", "inner", "alignment", "svd_clamp", "compat", "seed", "dtype")


def read_merge_options(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """The options in full, with the method; None is left to the method.

    Raises:
        InvalidInput: an unknown method or option (``unknown_field``), a wrong type, out of range, or an option that
        means nothing to this method.
    """
    if method not in METHODS:
        raise InvalidInput(detail=f"no merge method {method[:80]!r}", field="method", hint=", ".join(METHODS))
    refuse_unknown(given, SETTINGS)
    known = METHODS[method]
    inner = given.get("inner") or ("ties" if known.has_inner else None)
    is_pruning = known.has_density or _RULES.get(str(inner), False)
    rules = (*_RULES, *(_SPECTRAL if method == "core_space" else ()))
    # Name: whether the method knows it, and what it may be.
    checks: dict[str, tuple[bool, Check]] = {
        "density": (is_pruning, share),
        "rank": (known.has_rank, whole(1, _MOST_RANK)),
        "majority_sign": (True, one_of("total", "frequency")),
        "inner": (known.has_inner, one_of(*rules)),
        "alignment": (method == "mera", one_of("permutation", "rotation")),
        "svd_clamp": (known.has_rank, share),
        "compat": (known.is_peft, one_of("peft")),
        "seed": (True, whole(0, (1 << 62) - 1)),
        "dtype": (True, one_of(*DTYPES)),
    }
    given = {"seed": 0, "dtype": DTYPES[0], **given, "inner": inner}
    if is_pruning and given.get("density") is None:
        raise InvalidInput(
            detail=f"{method} needs a density, the share of entries that it keeps", field="settings", hint="density 0.5"
        )
    found: dict[str, Any] = {"method": method}
    for name, (is_known, check) in checks.items():
        value = given.get(name)
        if value is not None and not is_known:
            raise InvalidInput(detail=f"{name} means nothing to {method}", field="settings", hint="Leave it out.")
        found[name] = None if value is None else check(name, value)
    return found


def read_weight(value: Any) -> float:
    """A parent's weight: any finite number of a sane size. Raises InvalidInput."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise wrong("weight", value, "a finite number")
    if abs(value) > _LARGEST_WEIGHT:
        raise wrong("weight", value, f"at most {_LARGEST_WEIGHT:g}, with either sign")
    return float(value)
