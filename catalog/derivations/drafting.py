"""What a job has computed becomes a revision with its lineage, and goes the way of every push from there."""

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.access.origins import record_origins
from catalog.accounts.models import User
from catalog.adapters.blobs import add_blob
from catalog.adapters.commits import commit
from catalog.adapters.models import Adapter, Revision, RevisionState
from catalog.derivations.models import Derivation, DerivationKind, DerivationState, Parent
from catalog.errors import Gone
from catalog.jobs.models import Job
from catalog.plain import plain_error
from catalog.uploads.metadata import Metadata, revision_fields
from storage import BlobReceipt

_USABLE = (RevisionState.PENDING, RevisionState.PUBLISHED, RevisionState.YANKED)


@transaction.atomic
def open_derivation(
    actor: User,
    target: Adapter,
    *,
    kind: DerivationKind,
    parents: list[Parent],
    recipe: dict[str, Any],
    version: str = "",
    job: Job | None = None,
) -> Derivation:
    """A derivation that waits for its job. ``parents`` come from :meth:`Parent.of` and are saved here.

    The caller has looked at permissions: ``actor`` sees every parent and writes where ``target`` lives.
    """
    derivation = Derivation.objects.create(
        kind=kind, target=target, recipe=recipe, version=version, job=job, requested_by=actor
    )
    for parent in parents:
        parent.derivation = derivation
        parent.save()
    return derivation


def waiting_for(job: Job) -> Derivation:
    """The derivation that waits for ``job``, its parents' revisions being there to read.

    Raises:
        Gone: it is not there any more, or a parent was withdrawn, deleted or lost its bytes meanwhile.
    """
    derivation = Derivation.objects.filter(job=job, state=DerivationState.WAITING).first()
    if derivation is None:
        raise Gone(detail="what was to be made was withdrawn or deleted meanwhile")
    require_parents(derivation)
    return derivation


def require_parents(derivation: Derivation) -> None:
    """Raise Gone ``parent_gone`` unless every parent is still there to be read."""
    for parent in derivation.parents.select_related("revision"):
        require_readable(parent.revision, name=str(parent))


def require_readable(revision: Revision | None, *, name: str = "an adapter") -> None:
    """Raise Gone ``parent_gone`` unless a revision is accepted still and has its bytes."""
    if revision is None or revision.state not in _USABLE or revision.manifest is not None:
        state = revision.state if revision else "deleted"
        raise Gone("parent_gone", f"{name} is {state}", hint="Choose others, and ask again.")


@transaction.atomic
def record_made(
    job: Job,
    *,
    receipts: dict[str, BlobReceipt],
    metadata: Metadata,
    card: dict[str, Any],
    card_text: str,
    report: dict[str, Any],
    made_with: dict[str, Any],
) -> Derivation:
    """Commit what was made as a draft of the target: it is validated, evaluated and reviewed as every push.

    Call it in ``apply``. Parents are looked at again, in the same transaction: what was withdrawn while the job ran
    leaves no trace.

    Raises:
        Gone: as :func:`waiting_for`. Conflict: the version was taken meanwhile. Busy: the bytes were collected.
    """
    # Whoever withdraws a parent locks its adapter too: he finds the child that is made here, or came first.
    parents = Adapter.objects.filter(revisions__descents__derivation__job=job)
    list(Adapter.objects.select_for_update().filter(pk__in=parents.values("pk")).order_by("pk"))
    derivation = waiting_for(job)
    in_order = sorted(receipts.items(), key=lambda named: named[1].sha256)
    assert derivation.requested_by is not None, "somebody asked for it"
    made = commit(
        derivation.target,
        author=derivation.requested_by,
        files={path: add_blob(receipt) for path, receipt in in_order},
        version=derivation.version or None,
        message=f"{derivation.get_kind_display()} of {', '.join(map(str, derivation.parents.all()))}"[:2000],
        metadata=revision_fields(metadata, card, card_text),
    )
    if made.is_new:
        record_origins(made.revision, derivation.parents.values_list("revision_id", flat=True))
    derivation.revision, derivation.state, derivation.made_at = made.revision, DerivationState.MADE, timezone.now()
    derivation.report, derivation.made_with, derivation.error = report, made_with, None
    derivation.save()
    return derivation


def abandon_derivation(job: Job, error: dict[str, Any]) -> None:
    """The job ended badly, and with it what waited for it."""
    told = plain_error(error)
    Derivation.objects.filter(job=job, state=DerivationState.WAITING).update(state=DerivationState.FAILED, error=told)


def revive_derivation(job: Job) -> None:
    """The job runs again: what failed waits once more."""
    Derivation.objects.filter(job=job, state=DerivationState.FAILED).update(state=DerivationState.WAITING, error=None)


def receipts_as_dict(receipts: dict[str, BlobReceipt]) -> dict[str, Any]:
    """Plain values for a job's outcome."""
    return {path: asdict(receipt) for path, receipt in receipts.items()}


def receipts_from_dict(given: dict[str, Any]) -> dict[str, BlobReceipt]:
    """What :func:`receipts_as_dict` made."""
    return {path: BlobReceipt(**receipt) for path, receipt in given.items()}
