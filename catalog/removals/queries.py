"""Why something is gone, what it took along, and which digests are not to be used any more."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from catalog.accounts.querysets import Actor
from catalog.accounts.services import role_in
from catalog.adapters.models import Adapter, Blob, File, Revision, RevisionState
from catalog.errors import Gone, InvalidInput, NotFound
from catalog.names import fold, split_full_name, split_reference
from catalog.removals.models import Removal, Withdrawal, WithdrawnFile

if TYPE_CHECKING:
    from catalog.families.models import Basis

MOST_DIGESTS = 1000
_IS_SHOWN = (RevisionState.PENDING, RevisionState.PUBLISHED, RevisionState.YANKED)


def why_gone(actor: Actor, adapter: Adapter, ref: str) -> Gone | None:
    """The error that says why ``ref`` is withdrawn, for who might see it before; None if it is not.

    Without a ``ref`` it is about an adapter of which nothing is left.
    """
    found = Withdrawal.objects.known_to(actor).filter(revision__adapter=adapter).order_by("-withdrawn_at", "-pk")
    if not ref:
        is_empty = not adapter.revisions.filter(state__in=_IS_SHOWN).exists()
        withdrawal = found.exclude(revision__published_at=None).first() if is_empty else None
    elif ref == "main":
        return None
    else:
        withdrawal = found.filter(revision__version__name=ref).first() or found.filter(revision__commit_id=ref).first()
    if withdrawal is None:
        return None
    name = f"{adapter.full_name}@{ref}" if ref else adapter.full_name
    more: dict[str, Any] = {
        "digests": sorted({file.sha256 for file in withdrawal.files.all() if not _is_offered(file.sha256)}),
        "withdrawn_at": withdrawal.withdrawn_at.isoformat(),
    }
    if withdrawal.is_removed:
        hint = "Stop using it, and delete your copies."
        return Gone("removed", f"{name} was removed for good: {withdrawal.reason}", hint=hint, **more)
    return Gone("withdrawn", f"{name} was withdrawn: {withdrawal.reason}", hint="Choose another version.", **more)


def why_basis_gone(basis: "Basis") -> Gone:
    """The error that says why a withdrawn basis is not pulled from, with its digests and those of what was on it."""
    files = WithdrawnFile.objects.filter(withdrawal__basis=basis).values_list("sha256", flat=True)
    return Gone(
        "withdrawn",
        f"{basis} was withdrawn: {basis.reason}",
        hint="Pull the family's current basis.",
        digests=sorted({sha256 for sha256 in files if not _is_offered(sha256)}),
    )


def withdrawn_origins(revision: Revision) -> list[Withdrawal]:
    """Withdrawals of what ``revision`` was computed from, where it was only flagged."""
    found = Withdrawal.objects.filter(revision__contained_in__revision=revision)
    return list(found.select_related("revision__adapter__namespace", "revision__version"))


def withdrawn_digests(actor: Actor, digests: Iterable[str]) -> list[WithdrawnFile]:
    """Which of these SHA-256 digests nobody should use any more, as far as ``actor`` might see what they were of.

    What something else still offers, as the same configuration often is, is not among them.

    Raises:
        InvalidInput: more than ``MOST_DIGESTS``, or one that is none.
    """
    wanted = list(dict.fromkeys(digests))
    if len(wanted) > MOST_DIGESTS:
        raise InvalidInput(detail=f"{len(wanted)} digests; at most {MOST_DIGESTS} at a time", field="sha256")
    for digest in wanted:
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise InvalidInput(detail=f"{digest[:80]!r} is no SHA-256 in lower-case hexadecimal", field="sha256")
    known = Withdrawal.objects.known_to(actor).values("pk")
    files = WithdrawnFile.objects.filter(sha256__in=wanted, withdrawal__in=known).order_by("pk")
    related = (
        "withdrawal__revision__adapter__namespace",
        "withdrawal__revision__version",
        "withdrawal__basis__family__namespace",
    )
    by_digest = {file.sha256: file for file in files.select_related(*related)}
    return [file for digest, file in by_digest.items() if not _is_offered(digest)]


def named_to(actor: Actor, rows: list[Withdrawal]) -> list[Withdrawal]:
    """Those of which ``actor`` may know."""
    known = Withdrawal.objects.known_to(actor).filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True)
    ids = set(known)
    return [row for row in rows if row.pk in ids]


def find_removals(actor: Actor) -> Any:
    """Removals that ``actor`` may see, with what a listing shows."""
    return Removal.objects.visible_to(actor).select_related("adapter__namespace", "requested_by", "job")


def get_removal(actor: Actor, removal_id: object) -> Removal:
    """One of them. Raises NotFound."""
    found: Removal | None = find_removals(actor).filter(pk=removal_id).first()
    if found is None:
        raise NotFound(detail=f"no removal {removal_id} that you may see")
    return found


def adapter_to_remove(actor: Actor, reference: str) -> tuple[Adapter, str]:
    """The adapter that ``ns/name[@version]`` names, a deleted one too, and the ref. Raises NotFound."""
    full_name, ref = split_reference(reference)
    namespace, name = split_full_name(full_name)
    # By its own name: a tombstone is hidden from everybody, and its people may still have its bytes removed.
    found = Adapter.objects.select_related("namespace").filter(namespace__folded=fold(namespace), folded=fold(name))
    adapter = found.first()
    if adapter is None or not _may_know(actor, adapter):
        raise NotFound(detail=f"no adapter {full_name!r} that you may see", hint="Check the name, or sign in.")
    return adapter, ref


def _may_know(actor: Actor, adapter: Adapter) -> bool:
    is_visible = Adapter.objects.visible_to(actor).filter(pk=adapter.pk).exists()
    return is_visible or role_in(actor, adapter.namespace) is not None


def _is_offered(sha256: str) -> bool:
    """Whether a revision, or a basis or a member on one, still hands these bytes out."""
    on_bases = Blob.objects.filter(Q(bases__isnull=False) | Q(fits__isnull=False), pk=sha256)
    return File.objects.filter(blob_id=sha256, revision__state__in=_IS_SHOWN).exists() or on_bases.exists()
