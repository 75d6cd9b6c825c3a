"""Which cases somebody may decide, and which lines of the audit log he may read."""

from typing import TYPE_CHECKING, Any, NoReturn

from django.apps import apps
from django.db import models
from django.db.models import Q

from catalog.access.querysets import origins_seen
from catalog.accounts.querysets import REVIEW_ROLES, Actor, is_staff, namespaces_of

if TYPE_CHECKING:
    from catalog.reviews.models import AuditEvent, Case  # noqa: F401  (named in the base classes below)

_NAMESPACE = "revision__adapter__namespace_id__in"


class CaseQuerySet(models.QuerySet["Case", "Case"]):
    """Cases by who may decide them, and by whose they are."""

    def reviewed_by(self, actor: Actor) -> "CaseQuerySet":
        """Those of namespaces in which ``actor`` reviews, decided ones too, as far as he may see all they contain."""
        if not actor.is_authenticated:
            return self.none()
        found = self.filter(revision__adapter__deleted_at=None, revision__adapter__namespace__deleted_at=None)
        if is_staff(actor):
            return found
        found = found.filter(**{_NAMESPACE: namespaces_of(actor, roles=REVIEW_ROLES)})
        return found.filter(origins_seen(actor, "revision_id", is_derived="revision__is_derived"))

    def decidable_by(self, actor: Actor) -> "CaseQuerySet":
        """Those that wait and that ``actor`` may decide: not what he pushed himself, where a review is required."""
        waiting = self.reviewed_by(actor).waiting()
        if is_staff(actor) or not actor.is_authenticated:
            return waiting
        return waiting.exclude(revision__author_id=actor.pk, revision__adapter__namespace__is_review_required=True)

    def waiting(self) -> "CaseQuerySet":
        """Those that wait for a decision."""
        return self.filter(closed_at=None, revision__state="pending")

    def returned(self) -> "CaseQuerySet":
        """Those that went back to their author and were not answered yet."""
        return self.filter(revision__state="returned", is_answered=False)

    def pushed_by(self, actor: Actor) -> "CaseQuerySet":
        """Those that ``actor`` pushed himself and that are still alive."""
        if not actor.is_authenticated:
            return self.none()
        return self.filter(revision__author_id=actor.pk, revision__adapter__deleted_at=None)

    def for_display(self) -> "CaseQuerySet":
        """With everything that a list shows, in a few queries."""
        return self.select_related(
            "assignee",
            "revision__adapter__namespace",
            "revision__author",
            "revision__base_model",
            "revision__version",
            "revision__validation_job",
        )


class AuditQuerySet(models.QuerySet["AuditEvent", "AuditEvent"]):
    """Lines of the audit log; they are read and added, never changed."""

    def visible_to(self, actor: Actor) -> "AuditQuerySet":
        """Everything for staff; for others what happened in the namespaces in which they are owner or reviewer."""
        if is_staff(actor):
            return self
        if not actor.is_authenticated:
            return self.none()
        # By name: an event outlives what it speaks of. Looked up by name: the models import this file.
        namespaces = apps.get_model("accounts", "Namespace")._default_manager
        own = namespaces.filter(pk__in=namespaces_of(actor, roles=REVIEW_ROLES))
        return self.filter(~Q(namespace=""), namespace__in=own.values("name"))

    def update(self, **kwargs: Any) -> NoReturn:
        """Never."""
        raise TypeError("the audit log is append-only")

    def delete(self) -> NoReturn:
        """Never."""
        raise TypeError("the audit log is append-only")
