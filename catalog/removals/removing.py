"""Remove an adapter or a version for good: withdrawn at once, its bytes deleted by a job, and a receipt."""

from collections.abc import Callable, Iterable
from time import sleep
from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.accounts.models import User
from catalog.adapters.models import Adapter, Revision, RevisionState
from catalog.adapters.releasing import release_files
from catalog.errors import Gone, InvalidInput, NotFound
from catalog.evidence.models import Evidence
from catalog.jobs.models import Job
from catalog.jobs.services import submit
from catalog.plain import plain_error
from catalog.removals.cascading import withdraw_all
from catalog.removals.models import Derived, Removal, RemovalState, Withdrawal, WithdrawnFile
from catalog.removals.receipts import receipt_of
from catalog.removals.remaking import remake
from catalog.removals.withdrawing import present_revisions, require_owner
from catalog.retention.erasing import Erased, erase
from catalog.reviews.audit import record

REMOVE = "remove"
# What holds numbers that were trained; a configuration or a card may be the same as somebody else's.
WEIGHTS = (".safetensors", ".bin", ".pt", ".npz")
_DROPPED = (RevisionState.INVALID, RevisionState.REJECTED, RevisionState.RETURNED)


@transaction.atomic
def request_removal(actor: User, adapter: Adapter, ref: str = "", *, reason: str) -> Removal:
    """Withdraw a version, or all of an adapter, with all that was derived from it, and let a job delete the bytes.

    Nothing of it can be pulled any more when this returns. Its weights, and those of what contains them, are not taken
    again.

    Raises:
        NotPermitted: not an owner. InvalidInput: no reason. NotFound: no such version, or nothing to remove.
    """
    require_owner(actor, adapter, "remove an adapter")
    if not reason.strip():
        raise InvalidInput(detail="a removal needs a reason", field="reason", hint="It is in the receipt.")
    roots = _named(adapter, ref)
    done = withdraw_all(actor, roots, reason=reason.strip(), derived=Derived.WITHDRAW)
    subject = f"{adapter.full_name}@{ref}" if ref else adapter.full_name
    removal = Removal.objects.create(adapter=adapter, subject=subject, reason=reason.strip()[:500], requested_by=actor)
    rows = [row.pk for row in done.withdrawals()]
    Withdrawal.objects.filter(pk__in=rows, removal=None).update(removal=removal)
    for ending in WEIGHTS:
        WithdrawnFile.objects.filter(withdrawal__in=rows, path__endswith=ending).update(is_refused=True)
    removal.job = submit(
        REMOVE,
        {"removal_id": str(removal.pk)},
        created_by=actor,
        namespace=adapter.namespace,
        subject=("removal", subject),
    )
    removal.save(update_fields=["job"])
    record(actor, "remove", adapter, after=ref, note=reason.strip())
    return removal


def _named(adapter: Adapter, ref: str) -> list[Revision]:
    if not ref:
        # Refused drafts hold bytes too.
        found = [*present_revisions(adapter), *adapter.revisions.filter(state__in=_DROPPED)]
    else:
        rows = adapter.revisions.all()
        found = list(rows.filter(version__name=ref)) or list(rows.filter(commit_id=ref))
    if not found:
        raise NotFound(detail=f"{adapter.full_name} has nothing {f'named {ref} ' if ref else ''}to remove")
    return found


def remove_bytes(job: Job, beat: Callable[[float | None, str], None]) -> dict[str, Any]:
    """Delete every byte that only the removed held; what became of each digest. Safe to repeat.

    Where a backup holds the store, it waits. ``beat`` renews the job's lease.

    Raises:
        Gone: the removal is not there any more. StorageError: the store is away.
    """
    removal = _waiting(job)
    revisions = Revision.objects.filter(withdrawal__removal=removal)
    release_files(revisions)
    # The card was a file too, and what was measured tells of the numbers; names, digests and the base model stay.
    Evidence.objects.filter(revision__in=revisions).delete()
    revisions.update(card="", summary="", claims={}, facts={}, report={})
    Adapter.objects.filter(revisions__in=revisions, default_version=None).update(summary="")
    digests = sorted(set(_files_of(removal).values_list("sha256", flat=True)))
    became: dict[str, str] = {}
    for place, sha256 in enumerate(digests):
        beat(place / len(digests), f"{place} of {len(digests)} files")
        became[sha256] = _erase_patiently(sha256, beat)
    return {"became": became}


def record_removed(job: Job, outcome: dict[str, Any]) -> dict[str, Any]:
    """Ask for what contained the removed to be made anew without it, and write the receipt. Runs in ``apply``."""
    removal = _waiting(job)
    withdrawals = _withdrawals_of(removal)
    made_anew = remake(removal, withdrawals)
    removal.state, removal.finished_at, removal.error = RemovalState.DONE, timezone.now(), None
    removal.receipt = receipt_of(removal, withdrawals, became=outcome["became"], made_anew=made_anew)
    removal.save()
    return {"removal": str(removal.pk), "digest": removal.receipt["digest"]}


def abandon_removal(job: Job, error: dict[str, Any]) -> None:
    """The job ended badly: what was withdrawn stays withdrawn, and some bytes may still be there."""
    told = plain_error(error)
    Removal.objects.filter(job=job, state=RemovalState.WAITING).update(state=RemovalState.FAILED, error=told)


def revive_removal(job: Job) -> None:
    """The job runs again."""
    Removal.objects.filter(job=job, state=RemovalState.FAILED).update(state=RemovalState.WAITING, error=None)


def _erase_patiently(sha256: str, beat: Callable[[float | None, str], None]) -> str:
    while (became := erase(sha256)) is Erased.WAITS:
        beat(None, "a backup is being taken; bytes are deleted after it")
        sleep(1)
    return became.value


def _waiting(job: Job) -> Removal:
    related = ("adapter__namespace", "requested_by")
    removal = Removal.objects.select_related(*related).filter(job=job, state=RemovalState.WAITING).first()
    if removal is None:
        raise Gone(detail="the removal is not waited for any more")
    return removal


def _withdrawals_of(removal: Removal) -> list[Withdrawal]:
    related = ("revision__adapter__namespace", "revision__version", "basis__family__namespace")
    rows: Iterable[Withdrawal] = removal.withdrawals.select_related(*related).prefetch_related("files")
    return list(rows)


def _files_of(removal: Removal) -> Any:
    return WithdrawnFile.objects.filter(withdrawal__removal=removal)
