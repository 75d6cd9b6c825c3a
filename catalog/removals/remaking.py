"""After a removal: bases are fitted again without the member, merges are made again without the parent."""

from typing import Any

from django.db import transaction

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.derivations.merge_options import SETTINGS
from catalog.derivations.merging import AskedMerge, request_merge
from catalog.derivations.models import Derivation, DerivationKind, Parent
from catalog.derivations.targets import Target
from catalog.errors import DomainError
from catalog.removals.models import Removal, Withdrawal
from catalog.removals.refitting import refit_families


def remake(removal: Removal, withdrawals: list[Withdrawal]) -> list[dict[str, Any]]:
    """Ask for each; what was asked for (``asked``), or why it was not (``left``)."""
    families = {row.basis.family_id: row.basis.family for row in withdrawals if row.basis is not None}
    asked = refit_families(families.values(), reason=f"without {removal.subject}, which was removed")
    gone = {row.revision_id for row in withdrawals}
    related = ("target__namespace", "revision__version", "revision__adapter__namespace", "requested_by")
    merges = Derivation.objects.filter(revision__in=gone, kind=DerivationKind.MERGE).select_related(*related)
    return asked + [_merge_again(removal, merge, gone) for merge in merges.order_by("pk") if _was_offered(merge)]


def _merge_again(removal: Removal, merge: Derivation, gone: set[int | None]) -> dict[str, Any]:
    """The same merge of the parents that are left, as a draft of the same adapter."""
    line: dict[str, Any] = {"kind": "merge", "of": str(getattr(merge.revision, "version", None) or merge.revision)}
    left = [parent for parent in merge.parents.select_related("revision") if parent.revision_id not in gone]
    actor = _who_may(removal, merge)
    if merge.target.deleted_at is not None:
        return line | _left(f"{merge.target} was deleted")
    if merge.target_id == removal.adapter_id and "@" not in removal.subject:
        return line | _left(f"{merge.target} itself was removed")
    if len(left) < 2:
        return line | _left("fewer than two of its parents are left")
    if actor is None:
        return line | _left(f"nobody who asked for it writes to {merge.target} any more")
    try:
        with transaction.atomic():
            made = request_merge(actor, _without(merge, left), Target(adapter=merge.target.full_name))
    except DomainError as refusal:
        return line | _left(refusal.detail)
    return line | {"outcome": "asked", "name": f"a draft of {merge.target}", "job": str(made.job_id)}


def _without(merge: Derivation, left: list[Parent]) -> AskedMerge:
    recipe = merge.recipe
    search = recipe.get("search")
    named = {str(parent): f"{parent.full_name}@{parent.commit_id}" for parent in left}
    return AskedMerge(
        members=[(named[str(parent)], 1.0 if parent.weight is None else parent.weight) for parent in left],
        method=recipe["method"],
        heads=named.get(recipe.get("heads") or "", ""),
        settings={name: recipe[name] for name in SETTINGS if recipe.get(name) is not None},
        search={**search, "evaluation_set": recipe["evaluation_set"]} if search else None,
    )


def _who_may(removal: Removal, merge: Derivation) -> User | None:
    """Who asked for the merge, or else for the removal, if he may still write where it goes."""
    for user in (merge.requested_by, removal.requested_by):
        if user is not None and user.is_active and role_in(user, merge.target.namespace) in WRITE_ROLES:
            return user
    return None


def _was_offered(merge: Derivation) -> bool:
    """Drafts that nobody had accepted are not made again."""
    return merge.revision is not None and merge.revision.published_at is not None


def _left(why: str) -> dict[str, Any]:
    return {"outcome": "left", "why": why}
