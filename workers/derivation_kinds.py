"""Every kind of derivation that a recipe determines, and its handler."""

from catalog.derivations.merging import MERGE
from catalog.derivations.reducing import EXTRACT, REDUCE
from workers.deriving import Derive
from workers.merging import Merge
from workers.reducing import Extract

DERIVES: dict[str, Derive] = {
    MERGE: Merge("workers.derivations.merging:merge"),
    REDUCE: Derive("workers.derivations.reducing:reduce"),
    EXTRACT: Extract("workers.derivations.extracting:extract"),
}
