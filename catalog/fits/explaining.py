"""Compare the file of one revision with one base model, naming tensors and shapes as they are in the file."""

from catalog.adapters.models import Revision
from catalog.fits.queries import shapes_of
from kernels.formats.base_shapes import BaseShapes
from kernels.formats.requirements import Comparison


def compare_file(revision: Revision, table: BaseShapes) -> Comparison | None:
    """How the revision's file compares with a base model's shapes; None where its own shapes were never recorded."""
    shapes = shapes_of(revision)
    if shapes is None:
        return None
    facts = revision.facts if isinstance(revision.facts, dict) else {}
    ranks = facts.get("rank_by_module")
    return shapes.as_requirements().compare(table, ranks if isinstance(ranks, dict) else None, facts.get("rank") or 1)
