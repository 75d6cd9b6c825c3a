"""The options of a reduction, checked before a job: what each operation takes, and in what range."""

from dataclasses import dataclass, field
from typing import Any

from catalog.derivations.checks import Check, one_of, refuse_unknown, share, truth, whole, wrong
from catalog.derivations.merge_options import DTYPES
from catalog.errors import InvalidInput

_MOST_RANK, _MOST_BYTES, _MOST_PATTERNS = 4096, 1 << 40, 200


def _ranks(name: str, value: Any) -> dict[str, int]:
    """Module patterns with the rank that each keeps; 0 leaves the modules out."""
    if not isinstance(value, dict) or not 0 < len(value) <= _MOST_PATTERNS:
        raise wrong(name, value, f"1 to {_MOST_PATTERNS} patterns of modules with their ranks")
    check = whole(0, _MOST_RANK)
    for pattern, rank in value.items():
        if not 0 < len(pattern) <= 300:
            raise wrong(name, pattern, "patterns of 1 to 300 letters, such as *.layer.3.*")
        check(f"{name}[{pattern!r:.80}]", rank)
    return dict(value)


@dataclass(frozen=True)
class Operation:
    """What an operation does in one sentence, its options, of which ``one_of`` exactly one is given."""

    says: str
    options: dict[str, Check]
    one_of: tuple[str, ...]
    usual: dict[str, Any] = field(default_factory=dict)


OPERATIONS: dict[str, Operation] = {
    "truncate": Operation(
        "the leading singular values of every update: to a rank, a share of the energy, or a size in bytes",
        {
            "rank": whole(1, _MOST_RANK),
            "energy": share,
            "size_bytes": whole(1, _MOST_BYTES),
            "min_rank": whole(0, _MOST_RANK),
            "is_relative": truth,
        },
        ("rank", "energy", "size_bytes"),
    ),
    "subrank": Operation(
        "a rank for each layer: patterns of modules with the rank that they keep",
        {"ranks": _ranks},
        ("ranks",),
    ),
    "shorten": Operation(
        "the first components where the adapter was trained so that any rank works (DyLoRA), else by singular values",
        {"rank": whole(1, _MOST_RANK)},
        ("rank",),
    ),
    "prune": Operation(
        "entries of the factors set to zero, all but a share of them",
        {
            "density": share,
            "scope": one_of("tensor", "module", "adapter"),
            "by": one_of("magnitude", "random"),
            "is_balanced": truth,
            "is_packed": truth,
            "seed": whole(0, (1 << 62) - 1),
        },
        ("density",),
        {"scope": "tensor", "by": "magnitude", "is_balanced": True, "is_packed": False, "seed": 0},
    ),
    "quantise": Operation(
        "factors in 8, 4 or 1 bit a value, with a scale for each group",
        {
            "bits": lambda name, value: one_of_numbers(name, value, (1, 4, 8)),
            "group_size": whole(1, 1 << 20),
            "is_balanced": truth,
            "is_packed": truth,
        },
        ("bits",),
        {"group_size": 64, "is_balanced": True, "is_packed": False},
    ),
}


def read_reduce_options(operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """The options in full, with the operation and the dtype (None: the one that the adapter is stored in).

    Raises:
        InvalidInput: an unknown operation or option (``unknown_field``), out of range, or not exactly one of those
        that say how much.
    """
    if operation not in OPERATIONS:
        raise InvalidInput(detail=f"no reduction {operation[:80]!r}", field="operation", hint=", ".join(OPERATIONS))
    known = OPERATIONS[operation]
    checks = {**known.options, "dtype": one_of(*DTYPES)}
    refuse_unknown(given, tuple(checks))
    given = {**known.usual, **{name: value for name, value in given.items() if value is not None}}
    chosen = [name for name in known.one_of if name in given]
    if len(chosen) != 1:
        received = " and ".join(chosen) or "none"
        raise InvalidInput(
            detail=f"{operation} needs one of {', '.join(known.one_of)}; received {received}", field="settings"
        )
    if {"min_rank", "is_relative"} & set(given) and chosen != ["size_bytes"]:
        raise InvalidInput(
            detail="min_rank and is_relative go with size_bytes", field="settings", hint="Leave them out."
        )
    found = {name: None if given.get(name) is None else check(name, given[name]) for name, check in checks.items()}
    return {"operation": operation, **found}


def one_of_numbers(name: str, value: Any, known: tuple[int, ...]) -> int:
    """One of these numbers."""
    if type(value) is not int or value not in known:
        raise wrong(name, value, f"one of {', '.join(map(str, known))}")
    return value


def read_extract_options(given: dict[str, Any]) -> dict[str, Any]:
    """``rank`` (16), ``energy``, ``seed`` and ``dtype`` of an extraction. Raises InvalidInput."""
    checks: dict[str, Check] = {
        "rank": whole(1, 1024),
        "energy": share,
        "seed": whole(0, (1 << 62) - 1),
        "dtype": one_of(*DTYPES),
    }
    refuse_unknown(given, tuple(checks))
    given = {"rank": 16, "seed": 0, "dtype": DTYPES[0], **{name: v for name, v in given.items() if v is not None}}
    return {name: None if given.get(name) is None else check(name, given[name]) for name, check in checks.items()}
