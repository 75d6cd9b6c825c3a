"""Ask for the next basis of a family: bad input is refused first, and what it will be made of is written down."""

from collections import defaultdict
from typing import Any

from django.db import transaction
from django.db.models import Max

from catalog.accounts.models import User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import require_role
from catalog.adapters.models import File, Revision
from catalog.errors import Conflict, InvalidInput, Unprocessable
from catalog.families.fitting import require_same_shapes
from catalog.families.members import LeftOut, take_in_by_rule, usable_members
from catalog.families.models import Basis, BasisState, Consent, Family
from catalog.families.options import SIZES, read_options
from catalog.jobs.models import Priority
from catalog.jobs.services import submit
from catalog.reviews.audit import record

COMPRESS = "compress"


@transaction.atomic
def request_basis(
    actor: User | None,
    family: Family,
    *,
    options: dict[str, Any] | None = None,
    reason: str = "",
    priority: Priority | None = None,
) -> Basis:
    """The next basis of ``family``, which waits for its job; ``options`` go before the family's own.

    ``actor`` is None where the hub asks itself, for a refit: then it is made as the newest one was.

    Raises:
        NotPermitted: not a writer. InvalidInput: an option is wrong. Conflict: ``basis_under_way``.
        Unprocessable: ``family_empty``, ``mixed_shapes``.
    """
    if actor is not None:
        require_role(actor, family.namespace, WRITE_ROLES, "compress its families")
    asked = read_options(merged(family.settings, options or (_as_before(family) if actor is None else {})))
    family = Family.objects.select_for_update(of=("self",)).select_related("namespace", "base_model").get(pk=family.pk)
    if waiting := family.bases.filter(state=BasisState.WAITING).first():
        raise Conflict("basis_under_way", f"{waiting} is being made", hint="Wait for it, or cancel its job.")
    take_in_by_rule(family)
    usable, left_out = usable_members(family)
    if not usable:
        raise _empty(family, left_out)
    revisions = list(usable.values())
    require_same_shapes(revisions)
    if actor is None and asked["clusters"]:
        asked["clusters"] = min(asked["clusters"], len(revisions))
    if (asked["clusters"] or 1) > len(revisions):
        raise InvalidInput(
            detail=f"{asked['clusters']} clusters for {len(revisions)} members", field="options", hint="Take fewer."
        )
    digests = _digests_of(revisions)
    number = (family.bases.aggregate(newest=Max("number"))["newest"] or 0) + 1
    basis = Basis.objects.create(
        family=family,
        number=number,
        method=asked["method"],
        recipe={
            "options": asked,
            "members": [_described(revision, digests) for revision in revisions],
            "left_out": [_told(out, family) for out in left_out],
        },
        requested_by=actor,
        reason=reason[:500],
    )
    basis.job = submit(
        COMPRESS,
        {"basis_id": basis.pk},
        created_by=actor,
        namespace=family.namespace,
        subject=("basis", str(basis)),
        queue=asked["queue"],
        priority=priority,
    )
    basis.save(update_fields=["job"])
    record(actor, "request_basis", family, after=str(basis), note=reason)
    return basis


def merged(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The family's options with those given; a size that is given takes the place of the family's."""
    kept = dict(own)
    if any(given.get(name) is not None for name in SIZES):
        kept = {name: value for name, value in kept.items() if name not in SIZES}
    if given.get("method", kept.get("method")) != kept.get("method"):
        kept.pop("clusters", None)
        kept.pop("member_rank", None)
    return {**kept, **given}


def _as_before(family: Family) -> dict[str, Any]:
    """The options of the newest basis that was ready once; none where there is none."""
    made = family.bases.filter(state__in=(BasisState.READY, BasisState.WITHDRAWN))
    newest = made.order_by("-number").first()
    return dict(newest.recipe["options"]) if newest else {}


def _digests_of(revisions: list[Revision]) -> dict[int, dict[str, str]]:
    """The digest of every file of each revision, by path."""
    digests: dict[int, dict[str, str]] = defaultdict(dict)
    files = File.objects.filter(revision__in=revisions).values_list("revision_id", "path", "blob_id")
    for revision_id, path, digest in files:
        digests[revision_id][path] = digest
    return digests


def _described(revision: Revision, digests: dict[int, dict[str, str]]) -> dict[str, Any]:
    """What a basis tells of a member for ever: its name, and the digest of each of its files."""
    version = revision.adapter.default_version
    return {
        "revision_id": revision.pk,
        "adapter": revision.adapter.full_name,
        "version": version.name if version else "",
        "commit_id": revision.commit_id,
        "digests": digests.get(revision.pk, {}),
    }


def _told(out: LeftOut, family: Family) -> dict[str, str]:
    """For the people of the family: a private adapter of another namespace stays unnamed."""
    adapter = out.member.adapter
    if adapter.visibility != "public" and adapter.namespace_id != family.namespace_id:
        return {"adapter": "a private member", "code": out.error.code, "detail": ""}
    return {"adapter": adapter.full_name, "code": out.error.code, "detail": out.error.detail[:500]}


def _empty(family: Family, left_out: list[LeftOut]) -> Unprocessable:
    asked = family.members.filter(consent=Consent.ASKED).count()
    if left_out:
        return Unprocessable("family_empty", f"no member of {family} can be compressed: {left_out[0].error.detail}")
    if asked:
        return Unprocessable(
            "family_empty",
            f"{asked} members of {family} wait for the consent of their owners",
            hint="An owner of each one's namespace gives it.",
        )
    return Unprocessable("family_empty", f"{family} has no members", hint="Add adapters, or give it a rule.")
