"""What a name such as ``org/name@1.2.0`` means to somebody."""

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from catalog.accounts.querysets import Actor
from catalog.accounts.viewers import kind_of, viewer_like
from catalog.adapters.models import Adapter, Revision, RevisionState
from catalog.compiled import CompiledQuery, StandIns
from catalog.errors import Gone, NotFound
from catalog.names import fold, split_full_name

_FILE_FIELDS = ("files__blob_id", "files__blob__size_bytes", "files__blob__state")
_COMMIT_ID = re.compile(r"[0-9a-f]{40}")


def get_adapter(actor: Actor, full_name: str) -> Adapter:
    """The adapter, if ``actor`` may see it. Raises NotFound otherwise, whether it is absent or private."""
    found = Adapter.objects.visible_to(actor).named(full_name).select_related("namespace", "default_version").first()
    if found is None:
        raise NotFound(detail=f"no adapter {full_name!r} that you may see", hint="Check the name, or sign in.")
    return found


def get_revision(actor: Actor, adapter: Adapter, ref: str = "") -> Revision:
    """The revision that ``ref`` means: a version, a 40-hex commit id, a branch, or the default version when empty.

    Raises:
        NotFound: absent or not visible. Gone: ``withdrawn``.
    """
    revisions = adapter.revisions.visible_to(actor)
    if not ref:
        condition = Q(pk=adapter.default_version.revision_id) if adapter.default_version else Q(pk=None)
    elif _COMMIT_ID.fullmatch(ref):
        condition = Q(commit_id=ref)
    else:
        condition = Q(version__name=ref) | Q(refs__name=ref)
    found: Revision | None = revisions.filter(condition).for_display().first()
    if found is not None and found.state != RevisionState.WITHDRAWN:
        return found
    withdrawn = adapter.versions.filter(name=ref, state="withdrawn").exists() if ref else False
    if withdrawn:
        raise Gone("withdrawn", f"{adapter.full_name}@{ref} was withdrawn", hint="Choose another version.")
    if ref:
        raise NotFound(detail=f"no {adapter.full_name}@{ref} that you may see")
    raise NotFound(
        detail=f"{adapter.full_name} offers no version: none is published, or all are yanked",
        hint="A yanked version still comes when it is named exactly.",
    )


@dataclass(frozen=True)
class FoundFile:
    """One file of a revision: whose it is, and where its bytes are."""

    adapter_id: int
    sha256: str
    size_bytes: int
    state: str


def _file_of(stand_ins: StandIns, shape: tuple[str, str]) -> QuerySet[Revision, Any]:
    viewer, meant = shape
    revisions = Revision.objects.visible_to(viewer_like(viewer, stand_ins)).exclude(state=RevisionState.WITHDRAWN)
    found = revisions.filter(
        **{meant: stand_ins.text("ref")},
        adapter__folded=stand_ins.text("name"),
        adapter__namespace__folded=stand_ins.text("namespace"),
        files__path=stand_ins.text("path"),
    )
    return found.values_list("adapter_id", *_FILE_FIELDS)


_file = CompiledQuery(_file_of)


def _what_it_may_be(ref: str) -> tuple[str, ...]:
    """Columns to look for ``ref`` in, the likeliest first."""
    if _COMMIT_ID.fullmatch(ref):
        return ("commit_id",)
    return ("version__name", "refs__name") if ref[:1].isdigit() else ("refs__name", "version__name")


def get_file(actor: Actor, full_name: str, ref: str, path: str) -> FoundFile:
    """One file, in one narrow question: a pull asks it for each file.

    Raises:
        NotFound, Gone: as :func:`get_adapter` and :func:`get_revision`; ``bytes_removed``.
    """
    namespace, name = split_full_name(full_name)
    given = {"namespace": fold(namespace), "name": fold(name), "ref": ref, "path": path, "viewer": actor.pk}
    for meant in _what_it_may_be(ref):
        if rows := _file.rows((kind_of(actor), meant), **given):
            return FoundFile(*rows[0])
    # Only now it matters what exactly is missing.
    revision = get_revision(actor, get_adapter(actor, full_name), ref)
    if revision.manifest is not None:
        raise Gone("bytes_removed", f"{full_name}@{ref} is {revision.state}; its bytes were removed")
    raise NotFound(detail=f"{full_name}@{ref} has no file {path!r}")
