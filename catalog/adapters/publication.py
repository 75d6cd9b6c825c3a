"""What happens to a revision after its commit: verdict, publication, rejection, return, yank.

validating -> invalid                      validation refuses; the version is free again
           -> pending -> rejected          a reviewer refuses; the version is free again
                      -> returned          a reviewer asks for changes; the version is free for the next push
                      -> published -> yanked <-> published
                                   -> withdrawn    (``catalog.removals``)

Everything here locks the adapter first, then the revision: two changes of one adapter happen one after the other.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role
from catalog.adapters.models import Adapter, Publication, Ref, Revision, RevisionState, Version, VersionState
from catalog.bases.models import BaseModel
from catalog.errors import Conflict, InvalidInput, NotFound
from catalog.evaluations.gate import is_guarded, require_score
from catalog.families.projecting import notice_published
from catalog.names import version_key
from catalog.reviews.audit import record
from catalog.reviews.cases import close_case, open_case
from catalog.reviews.waivers import why_without_review
from catalog.search.services import index_adapter

MAIN = "main"


@transaction.atomic
def record_verdict(revision: Revision, *, inspection: dict[str, Any], base: BaseModel | None) -> Revision:
    """Store what validation found; an accepted revision waits for review, or is published where none is needed.

    Where a policy guards publication, it waits for its score besides (``catalog.evaluations.policies``).

    ``inspection`` is ``kernels.formats.inspection.Inspection.as_dict()``. A revision that is no longer
    ``validating`` is left as it is, so that a late worker changes nothing.
    """
    revision = lock_revision(revision)
    if revision.state != RevisionState.VALIDATING:
        return revision
    facts = inspection.get("facts") or {}
    revision.facts = facts
    revision.report = {key: inspection.get(key) or [] for key in ("findings", "disagreements")}
    revision.report["verdict"] = inspection["verdict"]
    revision.method, revision.rank = facts.get("method") or "", facts.get("rank")
    revision.base_model = base
    if inspection["verdict"] != "accepted":
        revision.state = RevisionState.INVALID
        revision.save()
        _free_version(revision)
        return revision
    revision.state = RevisionState.PENDING
    revision.save()
    why = why_without_review(revision)
    if why and not is_guarded(revision):
        publish_revision(revision, actor=revision.author, reason=why)
    else:
        open_case(revision)
    return revision


@transaction.atomic
def publish_revision(
    revision: Revision, *, actor: User | None, reason: str = "", is_gate_overridden: bool = False
) -> Revision:
    """Publish a pending revision: its version is burned, ``main`` moves, the catalog shows it.

    Raises:
        Conflict: ``not_reviewable`` unless it is pending; what the publish gate says (``score_not_measured``,
        ``score_dropped``, ``answers_turned_wrong``), unless it is overridden, which the audit log then tells.
    """
    revision = _pending(revision)
    try:
        require_score(revision)
    except Conflict as refusal:
        if not is_gate_overridden:
            raise
        record(actor, "override_gate", revision, note=f"{refusal.code}: {refusal.detail}; {reason}")
    now = timezone.now()
    revision.state, revision.published_at = RevisionState.PUBLISHED, now
    revision.save(update_fields=["state", "published_at"])
    version = Version.objects.get(revision=revision)
    version.state, version.published_at = VersionState.PUBLISHED, now
    version.save(update_fields=["state", "published_at"])
    Publication.objects.create(
        full_name=revision.adapter.full_name, version=version.name, commit_id=revision.commit_id, published_at=now
    )
    set_ref(revision.adapter, MAIN, revision)
    refresh_default(revision.adapter)
    close_case(revision)
    record(actor, "publish", revision, before="pending", after="published", note=reason)
    notice_published(revision)
    return revision


@transaction.atomic
def reject_revision(revision: Revision, *, actor: User, reason: str) -> Revision:
    """Refuse a pending revision and free its version. Raises Conflict ``not_reviewable`` unless it is pending."""
    return _send_back(revision, RevisionState.REJECTED, actor=actor, action="reject", reason=reason)


@transaction.atomic
def return_revision(revision: Revision, *, actor: User, reason: str) -> Revision:
    """Give a pending revision back to its author, who may push the same version again. Raises as a rejection."""
    return _send_back(revision, RevisionState.RETURNED, actor=actor, action="ask_changes", reason=reason)


@transaction.atomic
def yank_version(actor: User, adapter: Adapter, name: str, *, reason: str) -> Version:
    """Stop offering a published version by default; whoever names it exactly still gets it, with the reason.

    Raises:
        NotPermitted, NotFound; InvalidInput without a reason; Conflict ``not_published``.
    """
    if not reason.strip():
        raise InvalidInput(detail="yanking needs a reason", field="reason", hint="Say what is wrong with it.")
    return _change(actor, adapter, name, VersionState.PUBLISHED, VersionState.YANKED, "yank", reason)


@transaction.atomic
def unyank_version(actor: User, adapter: Adapter, name: str) -> Version:
    """Offer a yanked version again. Raises as :func:`yank_version`."""
    return _change(actor, adapter, name, VersionState.YANKED, VersionState.PUBLISHED, "unyank", "")


def set_ref(adapter: Adapter, name: str, revision: Revision) -> Ref:
    """Move the branch ``name`` to ``revision``."""
    ref, _ = Ref.objects.update_or_create(adapter=adapter, name=name, defaults={"revision": revision})
    return ref


def _change(
    actor: User, adapter: Adapter, name: str, before: VersionState, after: VersionState, action: str, reason: str
) -> Version:
    require_role(actor, adapter.namespace, WRITE_ROLES, f"{action} a version")
    Adapter.objects.select_for_update().get(pk=adapter.pk)
    version = adapter.versions.select_for_update().select_related("revision").filter(name=name).first()
    if version is None:
        raise NotFound(detail=f"{adapter.full_name} has no version {name}")
    if version.state == after:
        return version
    if version.state != before:
        raise Conflict("not_published", f"{adapter.full_name}@{name} is {version.state}, not {before}")
    version.state, version.yank_reason = after, reason
    version.save(update_fields=["state", "yank_reason"])
    Revision.objects.filter(pk=version.revision_id).update(state=RevisionState(after.value))
    refresh_default(adapter)
    record(actor, action, version.revision, before=before, after=after, note=reason)
    return version


def _send_back(revision: Revision, state: RevisionState, *, actor: User, action: str, reason: str) -> Revision:
    revision = _pending(revision)
    revision.state = state
    revision.save(update_fields=["state"])
    _free_version(revision)
    close_case(revision)
    record(actor, action, revision, before="pending", after=state, note=reason)
    return revision


def _pending(revision: Revision) -> Revision:
    row = lock_revision(revision)
    if row.state != RevisionState.PENDING:
        raise Conflict(
            "not_reviewable",
            f"{row} is {row.state}, not pending",
            hint="Only revisions that wait for review can be decided.",
        )
    return row


def lock_revision(revision: Revision) -> Revision:
    """The revision as it is now, locked after its adapter: whoever needs both takes them in this order."""
    Adapter.objects.select_for_update().get(pk=revision.adapter_id)
    return Revision.objects.select_for_update(of=("self",)).select_related("adapter__namespace").get(pk=revision.pk)


def _free_version(revision: Revision) -> None:
    Version.objects.filter(revision=revision, state=VersionState.RESERVED).delete()


def refresh_default(adapter: Adapter) -> None:
    """The default version is the highest published one; pre-releases count only when there is nothing else."""
    published = list(adapter.versions.filter(state=VersionState.PUBLISHED))
    best = max(published, key=lambda version: ("-" not in version.name, version_key(version.name)), default=None)
    adapter.default_version = best
    if best is not None and best.revision.summary:
        adapter.summary = best.revision.summary
    adapter.save(update_fields=["default_version", "summary", "updated_at"])
    index_adapter(adapter)
