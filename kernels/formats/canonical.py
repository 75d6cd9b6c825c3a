"""The one form that every dialect of LoRA file is read into: pairs A (r, d_in), B (d_out, r) with a scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import Finding


@dataclass(frozen=True)
class LowRankPair:
    """One low-rank update `scale * B @ A` of one module; the two names are those in the file.

    `is_transposed`: the file keeps A as (d_in, r) and B as (r, d_out), as MLX does.
    For an embedding d_in counts the table's rows and d_out its width. `kernel` is a convolution's window.
    """

    module: str
    a_name: str
    b_name: str
    rank: int
    d_in: int
    d_out: int
    scale: float = 1.0
    kind: str = "linear"
    is_transposed: bool = False
    kernel: tuple[int, ...] = ()
    middle_name: str | None = None

    @property
    def a_shape(self) -> tuple[int, ...]:
        """Shape of A in the canonical orientation, (r, d_in)."""
        return (self.rank, self.d_in)


@dataclass
class Grouped:
    """What a dialect's reader found: low-rank pairs, full copies of modules, and everything else by name."""

    format: str
    pairs: list[LowRankPair] = field(default_factory=list)
    saved: dict[str, str] = field(default_factory=dict)  # tensor -> module, full copies (heads, embeddings, biases)
    heads: dict[str, dict[str, tuple[int, ...]]] = field(default_factory=dict)  # module -> {tensor: shape}
    method_tensors: list[str] = field(default_factory=list)  # tensors of methods that are not plain pairs
    module_of: dict[str, str] = field(default_factory=dict)  # method tensor -> module
    alpha: float | None = None
    findings: list[Finding] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


Shapes = dict[str, tuple[int, ...]]


def missing_half(present: str, absent: str, module: str) -> Finding:
    """One of A and B is not in the file."""
    return Finding(
        "half_missing", "error", f"{module}: {present!r} has no partner; {absent!r} is not in the file.",
        "Save both factors of every pair.", tensor=present, expected=absent, received=None,
    )  # fmt: skip


def unequal_inner(module: str, a_name: str, a_rank: int, b_name: str, b_rank: int) -> Finding:
    """A and B do not multiply."""
    return Finding(
        "rank_mismatch", "error",
        f"{module}: {a_name!r} has rank {a_rank} and {b_name!r} has rank {b_rank}, so they do not multiply.",
        "Both factors of a pair must come from one training run.", tensor=b_name, expected=a_rank, received=b_rank,
    )  # fmt: skip


def not_a_factor(module: str, tensor: str, shape: tuple[int, ...]) -> Finding:
    """A factor without two dimensions or more."""
    return Finding(
        "shape_mismatch", "error", f"{module}: {tensor!r} has shape {list(shape)}; a factor has two dimensions.",
        tensor=tensor, expected="(r, d)", received=list(shape),
    )  # fmt: skip


def unknown_tensor(tensor: str, dialect: str) -> Finding:
    """A tensor that no rule of the dialect explains."""
    return Finding(
        "tensor_unknown", "error", f"{tensor!r} is not a tensor that {dialect} writes.",
        "Was a key renamed? Save the adapter again with the library that trained it.", tensor=tensor,
    )  # fmt: skip
