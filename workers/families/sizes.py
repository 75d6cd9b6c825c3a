"""How many bytes a family takes at a shared rank, before anything is fitted: for byte budgets and curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

_VALUE_BYTES = {
    "float32": 4.0,
    "float16": 2.0,
    "bfloat16": 2.0,
    "int8": 1.0 + 2 / 64,
    "int4": 0.5 + 2 / 64,
    "int1": 0.125 + 2 / 64,
}
# Headers and descriptions, a little more than what they take: a budget must hold.
_FILE_BYTES, _NAME_BYTES, _MATRIX_BYTES = 700, 3, 120


@dataclass(frozen=True)
class ModuleSize:
    """One module: its sides, and the rank of every member in it (0 where a member leaves it out)."""

    name: str
    d_out: int
    d_in: int
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Sizing:
    """What decides a family's bytes besides the rank. ``clusters`` has the cluster of every member."""

    method: str
    dtype: str
    coefficients: str
    modules: Sequence[ModuleSize]
    clusters: tuple[int, ...]
    head_bytes: int
    member_rank: int | None = None

    def bytes_at(self, rank: int) -> int:
        """Bytes of basis and coefficients at the shared rank ``rank``, files' headers included (rounded up)."""
        count = max(self.clusters) + 1
        total = float(self.head_bytes + _FILE_BYTES * (1 + len(self.clusters)))
        for module in self.modules:
            total += _NAME_BYTES * len(self.clusters) + len(module.name)
            widths = [self._width(module, cluster, rank) for cluster in range(count)]
            if self.method != "individual":
                per_matrix = _MATRIX_BYTES + len(module.name)
                total += sum(
                    width * (module.d_out + module.d_in) * _VALUE_BYTES[self.dtype] + 2 * per_matrix for width in widths
                )
            for own, cluster in zip(module.ranks, self.clusters, strict=True):
                total += self._values(module, own, widths[cluster], rank) * _VALUE_BYTES[self.coefficients]
        return int(total) + 1

    def largest_rank(self, budget: int) -> int | None:
        """The largest shared rank whose files fit into ``budget`` bytes; None if not even one does."""
        most = max((sum(module.ranks) for module in self.modules), default=1)
        low, high = 0, max(1, most)
        while low < high:
            middle = (low + high + 1) // 2
            if self.bytes_at(middle) <= budget:
                low = middle
            else:
                high = middle - 1
        return low or None

    def _width(self, module: ModuleSize, cluster: int, rank: int) -> int:
        inside = sum(own for own, its in zip(module.ranks, self.clusters, strict=True) if its == cluster)
        if self.method == "jd_diag":
            return rank
        return min(rank, module.d_out, module.d_in, max(inside, 1))

    def _values(self, module: ModuleSize, own: int, width: int, rank: int) -> int:
        if own == 0:
            return 0
        if self.method == "individual":
            return min(own, rank) * (module.d_out + module.d_in)
        if self.method == "jd_diag":
            return width
        kept = min(own, width, self.member_rank or own)
        loadings = 2 * width * kept
        return loadings if self.method == "eigenlorax" else min(width * width, loadings)


def head_bytes(shapes: Sequence[Sequence[int]], dtype: str, as_they_are: int) -> int:
    """Bytes of full tensors in a dtype, or ``as_they_are``, with a line each in the file's header."""
    values = sum(prod(shape) for shape in shapes)
    kept = as_they_are if dtype == "as_they_are" else values * _VALUE_BYTES[dtype]
    return int(kept) + 2 * _MATRIX_BYTES * len(shapes)
