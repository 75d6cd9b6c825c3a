"""Keep what a job computed: a basis with a fit for each member, or one more fit on a basis that is there."""

from typing import Any

from django.db import transaction

from catalog.adapters.blobs import add_blob
from catalog.adapters.models import Blob, Revision
from catalog.families.gate import request_gate
from catalog.families.making import inputs_of
from catalog.families.models import Basis, BasisState, Fit, FitState
from catalog.families.settling import settle, summary_of
from catalog.jobs.models import Job
from storage import BlobReceipt


@transaction.atomic
def record_basis(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Keep a finished basis; the job's result. Members are looked at again: what vanished meanwhile leaves no trace.

    It is ready at once, or when the gate has measured the members that have scores.

    Raises:
        Gone: as :func:`catalog.families.making.inputs_of`. Busy: the bytes were collected meanwhile.
    """
    inputs = inputs_of(job)
    basis = Basis.objects.select_for_update(of=("self",)).get(pk=inputs.basis.pk)
    limit = inputs.options["member_error"]
    rows = [_judged(row, limit) for row in outcome["members"]]
    blobs = _add_blobs([outcome["basis"], *(row["receipt"] for row in rows if row["state"] == FitState.COMPRESSED)])
    basis.blob = blobs[outcome["basis"]["sha256"]]
    basis.size_bytes, basis.made_with = basis.blob.size_bytes, outcome["made_with"]
    basis.curve, basis.report = outcome["curve"], {**basis.report, **outcome["report"]}
    basis.save()
    Fit.objects.bulk_create([_fit(basis, row, blobs) for row in rows])
    basis.parts.all().delete()
    if not request_gate(basis):
        settle(basis)
    return {"basis": str(basis), "state": basis.state, **summary_of(basis)}


@transaction.atomic
def record_projection(basis: Basis, revision: Revision, outcome: dict[str, Any]) -> Fit | None:
    """Keep a revision's coefficients on a basis that was made without it; None where it is there already.

    Above the limit it waits for the next basis. Raises Busy as ``add_blob``.
    """
    basis = Basis.objects.select_for_update(of=("self",)).get(pk=basis.pk)
    if basis.state != BasisState.READY or basis.fits.filter(revision=revision).exists():
        return None
    row = _judged(outcome["member"], basis.recipe["options"]["member_error"])
    if row["state"] == FitState.UNCOMPRESSED:
        row["state"] = FitState.WAITING
    blobs = _add_blobs([row["receipt"]] if row["state"] == FitState.COMPRESSED else [])
    fit = _fit(basis, row, blobs)
    fit.is_projected = True
    fit.save()
    return fit


def _judged(row: dict[str, Any], limit: float | None) -> dict[str, Any]:
    """The member's row with its state: beyond a limit it stays as it is."""
    reason = ""
    error, size, original = row["relative_squared_error"], row["receipt"]["size_bytes"], row["original_bytes"]
    if row["is_zero"]:
        reason = "it changes nothing"
    elif limit is not None and error > limit:
        reason = f"its error {error:.3g} is over the limit {limit:g}"
    elif size >= original:
        reason = f"its coefficients take {size} bytes, the adapter {original}"
    return {**row, "state": FitState.UNCOMPRESSED if reason else FitState.COMPRESSED, "reason": reason}


def _fit(basis: Basis, row: dict[str, Any], blobs: dict[str, Blob]) -> Fit:
    is_kept = row["state"] == FitState.COMPRESSED
    return Fit(
        basis=basis,
        revision_id=row["revision_id"],
        state=row["state"],
        reason=row["reason"],
        cluster=row["cluster"],
        blob=blobs[row["receipt"]["sha256"]] if is_kept else None,
        size_bytes=row["receipt"]["size_bytes"],
        original_bytes=row["original_bytes"],
        relative_squared_error=row["relative_squared_error"],
        module_errors=row["module_errors"],
    )


def _add_blobs(receipts: list[dict[str, Any]]) -> dict[str, Blob]:
    """Rows by digest, taken in the order of the digests, so that two commits never wait for each other."""
    by_digest = {receipt["sha256"]: receipt for receipt in receipts}
    return {sha256: add_blob(BlobReceipt(**by_digest[sha256])) for sha256 in sorted(by_digest)}
