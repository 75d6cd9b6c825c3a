"""What a name such as ``org/name@1.2.0`` means to somebody."""

import re
from dataclasses import dataclass
from typing import cast

from catalog.accounts.querysets import Actor
from catalog.accounts.viewers import kind_of
from catalog.adapters import statements
from catalog.adapters.models import Adapter, Revision, RevisionState
from catalog.compiled import keep_rows
from catalog.errors import Gone, NotFound
from catalog.names import fold, split_full_name, version_key
from catalog.removals.queries import why_gone

_COMMIT_ID = re.compile(r"[0-9a-f]{40}")


def _with_what_is_shown(revision: Revision, adapter: Adapter) -> Revision:
    """What ``for_display`` reads of many, for one."""
    revision.adapter = adapter
    keep_rows(revision, "files", statements.files.find(None, revision=revision.pk))
    keep_rows(revision, "reviews", statements.reviews.find(None, revision=revision.pk))
    return revision


def get_adapter(actor: Actor, full_name: str) -> Adapter:
    """The adapter, if ``actor`` may see it. Raises NotFound otherwise, whether it is absent or private."""
    namespace, name = split_full_name(full_name)
    given = {"namespace": fold(namespace), "name": fold(name), "viewer": actor.pk}
    for found in statements.adapters.find(kind_of(actor), **given):
        return cast(Adapter, found)
    raise NotFound(detail=f"no adapter {full_name!r} that you may see", hint="Check the name, or sign in.")


def get_revision(actor: Actor, adapter: Adapter, ref: str = "") -> Revision:
    """The revision that ``ref`` means: a version, a 40-hex commit id, a branch, or the default version when empty.

    Raises:
        NotFound: absent or not visible. Gone: ``withdrawn`` or ``removed``, with the reason and the digests.
    """
    for meant in _what_it_may_be(ref):
        given = ref or (adapter.default_version.revision_id if adapter.default_version else None)
        found = statements.revisions.find((kind_of(actor), meant), adapter=adapter.pk, ref=given, viewer=actor.pk)
        if found and found[0].state != RevisionState.WITHDRAWN:
            return _with_what_is_shown(cast(Revision, found[0]), adapter)
    if gone := why_gone(actor, adapter, ref):
        raise gone
    if ref:
        raise NotFound(detail=f"no {adapter.full_name}@{ref} that you may see")
    raise NotFound(
        detail=f"{adapter.full_name} offers no version that you may see: none is published, or all are yanked",
        hint=f"A yanked version or a draft comes when it is named exactly: {adapter.full_name}@VERSION.",
    )


@dataclass(frozen=True)
class FoundFile:
    """One file of a revision: whose it is, and where its bytes are."""

    adapter_id: int
    sha256: str
    size_bytes: int
    state: str


def _what_it_may_be(ref: str) -> tuple[str, ...]:
    """Columns to look for ``ref`` in, the likeliest first."""
    if not ref:
        return ("pk",)
    if _COMMIT_ID.fullmatch(ref):
        return ("commit_id",)
    return ("version__name", "refs__name") if ref[:1].isdigit() else ("refs__name", "version__name")


def offered_versions(actor: Actor, adapter: Adapter) -> list[str]:
    """Names of the published and yanked versions that ``actor`` may see, highest first."""
    found = statements.offered_versions.rows(kind_of(actor), adapter=adapter.pk, viewer=actor.pk)
    names = [name for (name,) in found]
    return sorted(names, key=version_key, reverse=True)


def get_file(actor: Actor, full_name: str, ref: str, path: str) -> FoundFile:
    """One file, in one narrow question: a pull asks it for each file.

    Raises:
        NotFound, Gone: as :func:`get_adapter` and :func:`get_revision`; ``bytes_removed``.
    """
    namespace, name = split_full_name(full_name)
    given = {"namespace": fold(namespace), "name": fold(name), "ref": ref, "path": path, "viewer": actor.pk}
    for meant in _what_it_may_be(ref):
        if rows := statements.file.rows((kind_of(actor), meant), **given):
            return FoundFile(*rows[0])
    # Only now it matters what exactly is missing.
    revision = get_revision(actor, get_adapter(actor, full_name), ref)
    if revision.manifest is not None:
        raise Gone("bytes_removed", f"{full_name}@{ref} is {revision.state}; its bytes were removed")
    raise NotFound(detail=f"{full_name}@{ref} has no file {path!r}")
