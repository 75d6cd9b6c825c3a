"""Withdraw revisions, and with them, generation by generation, everything that was computed from them.

A generation is marked before its children are looked for. A job that is just keeping a child has its parents locked
(``catalog.derivations.drafting``): either it committed before, and its child is found here, or it finds them withdrawn.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils import timezone

from catalog.accounts.models import User
from catalog.adapters.models import Adapter, File, Ref, Revision, RevisionState, Version, VersionState
from catalog.adapters.publication import MAIN, refresh_default, set_ref
from catalog.derivations.models import Parent
from catalog.families.models import Basis, BasisPart, Fit
from catalog.families.withdrawing import withdraw_revisions
from catalog.removals.models import Derived, Withdrawal, WithdrawnFile
from catalog.reviews.audit import record


@dataclass
class Withdrawn:
    """What one call reached: revisions, those asked for first, then what was derived from them; and bases.

    Those that had been withdrawn before are among them.
    """

    revisions: list[Revision] = field(default_factory=list)
    bases: list[Basis] = field(default_factory=list)

    def withdrawals(self) -> list[Withdrawal]:
        """The row of each."""
        ours = Withdrawal.objects.filter(revision__in=self.revisions) | Withdrawal.objects.filter(basis__in=self.bases)
        return list(ours.select_related("revision__adapter__namespace", "basis__family__namespace"))


def withdraw_all(actor: User | None, roots: Iterable[Revision], *, reason: str, derived: str) -> Withdrawn:
    """Withdraw ``roots`` and, unless it shall only be flagged, what was derived from them. Call it in a transaction."""
    done, generation, causes = Withdrawn(), [root.pk for root in roots], dict[int, Revision]()
    reached = set(generation)
    while generation:
        rows = _lock(generation)
        for row in rows:
            _withdraw_one(actor, row, reason=reason, cause=causes.get(row.pk))
        done.revisions += rows
        generation = []
        if derived == Derived.WITHDRAW:
            for step in _steps_from(rows):
                made = step.derivation.revision_id
                if made is not None and made not in reached:
                    reached.add(made)
                    causes[made] = causes.get(step.revision_id) or next(r for r in rows if r.pk == step.revision_id)
                    generation.append(made)
    for adapter in {row.adapter_id: row.adapter for row in done.revisions}.values():
        _offer_the_rest(adapter)
    done.bases = _withdraw_bases(actor, done.revisions, reason=reason, derived=derived)
    return done


def _lock(ids: list[int]) -> list[Revision]:
    """The revisions as they are now, locked after their adapters, each in the order of their ids."""
    adapters = Adapter.objects.filter(revisions__in=ids).values("pk")
    list(Adapter.objects.select_for_update().filter(pk__in=adapters).order_by("pk"))
    rows = Revision.objects.select_for_update(of=("self",)).select_related("adapter__namespace")
    return list(rows.filter(pk__in=ids).order_by("pk"))


def _steps_from(rows: list[Revision]) -> Iterable[Parent]:
    return Parent.objects.filter(revision__in=rows).select_related("derivation").order_by("pk")


def _withdraw_one(actor: User | None, revision: Revision, *, reason: str, cause: Revision | None) -> None:
    if Withdrawal.objects.filter(revision=revision).exists():
        return
    before, said = revision.state, reason if cause is None else f"made of {cause.adapter}: {reason}"
    withdrawal = Withdrawal.objects.create(
        revision=revision,
        cause=cause,
        before=before,
        reason=said[:500],
        withdrawn_by=actor,
        withdrawn_at=timezone.now(),
    )
    columns = ("path", "blob_id", "blob__size_bytes")
    files = list(File.objects.filter(revision=revision).values_list(*columns))
    fits = Fit.objects.filter(revision=revision).select_related("blob", "basis__family__namespace")
    files += [
        (f"coefficients on {fit.basis}.safetensors", fit.blob.sha256, fit.blob.size_bytes) for fit in fits if fit.blob
    ]
    WithdrawnFile.objects.bulk_create(
        WithdrawnFile(withdrawal=withdrawal, path=path[:300], sha256=sha256, size_bytes=size)
        for path, sha256, size in files
    )
    revision.state = RevisionState.WITHDRAWN
    revision.save(update_fields=["state"])
    version = Version.objects.filter(revision=revision)
    version.filter(state=VersionState.RESERVED).delete()
    version.update(state=VersionState.WITHDRAWN)
    record(actor, "withdraw", revision, before=before, after="withdrawn", note=said)


def _offer_the_rest(adapter: Adapter) -> None:
    """``main`` and the default version are the newest and the highest of what is still offered."""
    if adapter.deleted_at is not None:
        return
    if Ref.objects.filter(adapter=adapter, revision__state=RevisionState.WITHDRAWN).exists():
        left = Revision.objects.filter(adapter=adapter, state=RevisionState.PUBLISHED).order_by("-published_at", "-pk")
        newest = left.first()
        Ref.objects.filter(adapter=adapter, revision__state=RevisionState.WITHDRAWN).delete()
        if newest is not None:
            set_ref(adapter, MAIN, newest)
    refresh_default(adapter)


def _withdraw_bases(actor: User | None, revisions: list[Revision], *, reason: str, derived: str) -> list[Basis]:
    """The members' own coefficients go; a basis that was fitted to one of them goes too, unless it is only flagged."""
    fitted = Basis.objects.filter(fits__revision__in=revisions, fits__is_projected=False).distinct()
    bases = list(fitted.select_related("family__namespace")) if derived == Derived.WITHDRAW else []
    for basis in bases:
        _note_basis(actor, basis, reason=reason)
    withdraw_revisions(
        Revision.objects.filter(pk__in=[row.pk for row in revisions]),
        reason=reason,
        with_bases=derived == Derived.WITHDRAW,
    )
    return bases


def _note_basis(actor: User | None, basis: Basis, *, reason: str) -> None:
    if Withdrawal.objects.filter(basis=basis).exists():
        return
    withdrawal = Withdrawal.objects.create(
        basis=basis, before=basis.state, reason=reason[:500], withdrawn_by=actor, withdrawn_at=timezone.now()
    )
    fits = Fit.objects.filter(basis=basis).select_related("blob", "revision__adapter__namespace")
    parts = BasisPart.objects.filter(basis=basis).select_related("blob")
    found = [("basis.safetensors", basis.blob)]
    found += [(f"{fit.revision}.safetensors", fit.blob) for fit in fits]
    found += [(f"part {part.module}", part.blob) for part in parts]
    WithdrawnFile.objects.bulk_create(
        WithdrawnFile(withdrawal=withdrawal, path=path[:300], sha256=blob.sha256, size_bytes=blob.size_bytes)
        for path, blob in found
        if blob is not None
    )
    record(actor, "withdraw", basis, before=basis.state, after="withdrawn", note=reason)
