"""Which shapes fit a base model, as digests of what was checked."""

from catalog.bases.models import BaseModel
from catalog.fits.queries import fitting_digests


def digests_that_fit(base: BaseModel) -> list[str]:
    """Digests of the shapes that this base model takes, whoever those adapters name as theirs."""
    return fitting_digests(base)
