"""Which shape sets fit a base model, and which base models fit a revision."""

from catalog.adapters.models import Revision
from catalog.bases.models import BaseModel
from catalog.fits.models import BaseFit, RevisionShapes, ShapeSet, Verdict


def fitting_digests(base: BaseModel) -> list[str]:
    """Digests of all shape sets that ``base`` takes; what the search's ``fits:`` filters by."""
    fitting = BaseFit.objects.filter(base=base, verdict=Verdict.FITS, base_digest=base.shapes_digest)
    return list(fitting.values_list("shapes_id", flat=True))


def shape_digest_of(revision: Revision) -> str:
    """The digest of the revision's shape set; empty where none is known."""
    return RevisionShapes.objects.filter(revision=revision).values_list("shapes_id", flat=True).first() or ""


def shapes_of(revision: Revision) -> ShapeSet | None:
    """The revision's shape set, or None where it was validated before there were any."""
    found = RevisionShapes.objects.select_related("shapes").filter(revision=revision).first()
    return found.shapes if found else None


def bases_that_fit(shapes: ShapeSet) -> list[BaseModel]:
    """Registered base models that take these shapes, by name."""
    fitting = BaseFit.objects.filter(shapes=shapes, verdict=Verdict.FITS).select_related("base")
    return sorted((row.base for row in fitting.defer("base__config")), key=lambda base: (base.folded, base.revision))
