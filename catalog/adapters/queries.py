"""What a name such as ``org/name@1.2.0`` means to somebody."""

import re

from django.db.models import Q

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Adapter, Revision, RevisionState
from catalog.errors import Gone, NotFound

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
