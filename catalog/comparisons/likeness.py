"""How alike the updates of a few revisions are, pair by pair, by the sketches that were made of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from catalog.adapters.models import Revision
from catalog.similarity.models import Fingerprint
from kernels.similarity.codes import cosines, standard_error


@dataclass(frozen=True)
class Likeness:
    """Cosine of two whole updates, ``first`` and ``second`` counted from 0 in the order of the comparison."""

    first: int
    second: int
    cosine: float

    @property
    def standard_error(self) -> float:
        """Of the cosine, which a sketch estimates."""
        return standard_error(self.cosine)


def likeness_of(revisions: Sequence[Revision]) -> list[Likeness]:
    """Every pair whose sketches compare: of one version, and of the same base shapes or the same modules."""
    wanted = [row.pk for row in revisions]
    known = Fingerprint.objects.defer("initial_a_code", "factors").in_bulk(wanted)
    found = []
    for first, second in combinations(range(len(revisions)), 2):
        a, b = known.get(wanted[first]), known.get(wanted[second])
        if a is not None and b is not None and _do_compare(a, b):
            cosine = float(cosines(bytes(a.update_code), [bytes(b.update_code)])[0])
            found.append(Likeness(first, second, cosine))
    return found


def _do_compare(a: Fingerprint, b: Fingerprint) -> bool:
    is_alike = a.space == b.space or (bool(a.layout) and a.layout == b.layout)
    return is_alike and a.version == b.version and bool(a.update_code) and bool(b.update_code)
