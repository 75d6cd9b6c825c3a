"""Every kind of derivation that a recipe determines, and its handler."""

from catalog.derivations.adapting import ADAPT
from catalog.derivations.merging import MERGE
from catalog.derivations.reducing import EXTRACT, REDUCE
from catalog.derivations.transferring import TRANSFER
from workers.adapting import Adapt
from workers.deriving import Derive
from workers.merging import Merge
from workers.reducing import Extract
from workers.trained_files import Trains
from workers.transferring import Transfer

DERIVES: dict[str, Derive | Trains] = {
    MERGE: Merge("workers.derivations.merging:merge"),
    REDUCE: Derive("workers.derivations.reducing:reduce"),
    EXTRACT: Extract("workers.derivations.extracting:extract"),
    ADAPT: Adapt(),
    TRANSFER: Transfer(),
}
