"""Which adapters and revisions somebody may see, and what a reference such as ``org/name@1.2.0`` means."""

import re
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from catalog.accounts.queries import REVIEW_ROLES, Actor, is_staff, visible_through
from catalog.errors import Gone, NotFound
from catalog.names import fold, split_full_name

if TYPE_CHECKING:
    from catalog.adapters.models import Adapter, Revision

_COMMIT_ID = re.compile(r"[0-9a-f]{40}")
OPEN_STATES = ("published", "yanked")


class AdapterQuerySet(models.QuerySet["Adapter", "Adapter"]):
    """Adapters by who may see them."""

    def live(self) -> "AdapterQuerySet":
        """Without tombstones."""
        return self.filter(deleted_at=None, namespace__deleted_at=None)

    def visible_to(self, actor: Actor) -> "AdapterQuerySet":
        """Public ones with something published, and everything in the actor's own namespaces."""
        public = Q(visibility="public", versions__state__in=OPEN_STATES)
        return self.live().filter(visible_through(actor, "namespace", public)).distinct()

    def named(self, full_name: str) -> "AdapterQuerySet":
        """The one that ``namespace/name`` stands for, whatever its case and separators."""
        namespace, name = split_full_name(full_name)
        return self.filter(namespace__folded=fold(namespace), folded=fold(name))


class RevisionQuerySet(models.QuerySet["Revision", "Revision"]):
    """Revisions by who may see them."""

    def visible_to(self, actor: Actor) -> "RevisionQuerySet":
        """Published ones of public adapters, and everything in the actor's own namespaces."""
        public = Q(adapter__visibility="public", state__in=OPEN_STATES)
        live = self.filter(adapter__deleted_at=None, adapter__namespace__deleted_at=None)
        return live.filter(visible_through(actor, "adapter__namespace", public))

    def awaiting_review_by(self, actor: Actor) -> "RevisionQuerySet":
        """Pending revisions that the actor's role lets him decide."""
        from catalog.accounts.models import Membership

        pending = self.filter(state="pending", adapter__deleted_at=None)
        if is_staff(actor):
            return pending
        if not actor.is_authenticated:
            return pending.none()
        mine = Membership.objects.filter(user_id=actor.pk, role__in=REVIEW_ROLES).values("namespace_id")
        return pending.filter(adapter__namespace_id__in=mine)

    def for_display(self) -> "RevisionQuerySet":
        """With everything that a page or an API answer shows, in a few queries."""
        return self.select_related(
            "adapter__namespace", "author", "base_model", "version", "validation_job"
        ).prefetch_related("files__blob", "reviews__reviewer")


def get_adapter(actor: Actor, full_name: str) -> "Adapter":
    """The adapter, if ``actor`` may see it. Raises NotFound otherwise, whether it is absent or private."""
    from catalog.adapters.models import Adapter

    found = Adapter.objects.visible_to(actor).named(full_name).select_related("namespace", "default_version").first()
    if found is None:
        raise NotFound(detail=f"no adapter {full_name!r} that you may see", hint="Check the name, or sign in.")
    return found


def get_revision(actor: Actor, adapter: "Adapter", ref: str = "") -> "Revision":
    """The revision that ``ref`` means: a version, a 40-hex commit id, a branch, or the default version when empty.

    Raises:
        NotFound: absent or not visible. Gone: ``withdrawn``.
    """
    from catalog.adapters.models import RevisionState

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
    what = f"{adapter.full_name}@{ref}" if ref else f"a published version of {adapter.full_name}"
    raise NotFound(detail=f"no {what} that you may see" if ref else f"{what} does not exist yet")
