"""What a name such as ``org/name@1.2.0`` means to somebody."""

import re

from django.db.models import Q

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Adapter, File, Revision, RevisionState
from catalog.errors import Gone, NotFound
from catalog.names import fold, split_full_name

_BLOB_FIELDS = ("blob__sha256", "blob__size_bytes", "blob__state")
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


def get_file(actor: Actor, full_name: str, ref: str, path: str) -> File:
    """One file with its blob and its revision's adapter id, in one narrow question: a pull asks it for each file.

    Raises:
        NotFound, Gone: as :func:`get_adapter` and :func:`get_revision`; ``bytes_removed``.
    """
    namespace, name = split_full_name(full_name)
    is_meant = Q(commit_id=ref) if _COMMIT_ID.fullmatch(ref) else Q(version__name=ref) | Q(refs__name=ref)
    revisions = Revision.objects.visible_to(actor).exclude(state=RevisionState.WITHDRAWN)
    revisions = revisions.filter(is_meant, adapter__folded=fold(name), adapter__namespace__folded=fold(namespace))
    files = File.objects.filter(path=path, revision__in=revisions.values("pk")).select_related("blob", "revision")
    found = files.only("path", "revision__adapter_id", *_BLOB_FIELDS).first()
    if found is not None:
        return found
    # Only now it matters what exactly is missing.
    revision = get_revision(actor, get_adapter(actor, full_name), ref)
    if revision.manifest is not None:
        raise Gone("bytes_removed", f"{full_name}@{ref} is {revision.state}; its bytes were removed")
    raise NotFound(detail=f"{full_name}@{ref} has no file {path!r}")
