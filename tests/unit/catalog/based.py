"""Makers of families with a basis whose bytes are in the store, as the job ``compress`` would leave them."""

from pathlib import Path

from django.db import transaction

from catalog.accounts.models import User
from catalog.adapters.blobs import add_blob
from catalog.adapters.models import Blob, Revision
from catalog.adapters.storing import store_file
from catalog.bases.models import BaseModel
from catalog.families.models import Basis, BasisState, Consent, Family, Fit, FitState, Member
from catalog.families.options import read_options


def hold_basis(
    owner: User,
    base: BaseModel,
    folder: Path,
    *,
    fitted: list[Revision],
    projected: list[Revision],
    family: Family | None = None,
) -> Basis:
    """A ready basis with coefficients for all of them: of ``family``, or of a public one made where the first is."""
    namespace = fitted[0].adapter.namespace
    family = family or Family.objects.create(namespace=namespace, name="family", base_model=base, created_by=owner)
    stored = _stored(folder, f"{family} basis")
    basis = Basis.objects.create(
        family=family,
        number=1,
        state=BasisState.READY,
        method="jd_full",
        recipe={"options": read_options({"method": "jd_full", "rank": 4})},
        blob=stored,
        size_bytes=stored.size_bytes,
    )
    for revision in (*fitted, *projected):
        coefficients = _stored(folder, f"{family} {revision}")
        Member.objects.get_or_create(family=family, adapter=revision.adapter, defaults={"consent": Consent.GIVEN})
        Fit.objects.create(
            basis=basis,
            revision=revision,
            state=FitState.COMPRESSED,
            is_projected=revision in projected,
            blob=coefficients,
            size_bytes=coefficients.size_bytes,
            relative_squared_error=0.01,
        )
    family.current = basis
    family.save()
    return basis


def _stored(folder: Path, text: str) -> Blob:
    path = folder / "stored.bin"
    path.write_text(text)
    receipt = store_file(path)
    with transaction.atomic():
        return add_blob(receipt)
