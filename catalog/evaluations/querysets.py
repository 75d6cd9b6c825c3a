"""Which evaluation sets and scores somebody may see: no view can forget it."""

from typing import TYPE_CHECKING

from django.apps import apps
from django.db import models
from django.db.models import Q

from catalog.accounts.querysets import WRITE_ROLES, Actor, is_staff, namespaces_of, visible_through
from catalog.names import fold, split_full_name

if TYPE_CHECKING:
    from catalog.evaluations.models import Evaluation, EvaluationSet, Uncertainty  # noqa: F401  (named in the base classes below)


class EvaluationSetQuerySet(models.QuerySet["EvaluationSet", "EvaluationSet"]):
    """Sets by who may see them."""

    def visible_to(self, actor: Actor) -> "EvaluationSetQuerySet":
        """Public ones, and all of the actor's own namespaces."""
        live = self.filter(namespace__deleted_at=None)
        return live.filter(visible_through(actor, "namespace", Q(visibility="public")))

    def offered(self) -> "EvaluationSetQuerySet":
        """Without those that were withdrawn: what lists show, and what may be measured on."""
        return self.filter(withdrawn_at=None)

    def writable_by(self, actor: Actor) -> "EvaluationSetQuerySet":
        """Those whose namespace the actor may write to."""
        if is_staff(actor):
            return self
        if not actor.is_authenticated:
            return self.none()
        return self.filter(namespace_id__in=namespaces_of(actor, roles=WRITE_ROLES))

    def named(self, full_name: str) -> "EvaluationSetQuerySet":
        """The one that ``namespace/name`` stands for, whatever its case and separators."""
        namespace, name = split_full_name(full_name)
        return self.filter(namespace__folded=fold(namespace), folded=fold(name))


class EvaluationQuerySet(models.QuerySet["Evaluation", "Evaluation"]):
    """Evaluations by who may see them."""

    def visible_to(self, actor: Actor) -> "EvaluationQuerySet":
        """Those of which the actor may see the set, the revision and its companion, where there are such."""
        # Looked up by name: the models import this file.
        sets = apps.get_model("evaluations", "EvaluationSet")._default_manager
        seen = apps.get_model("adapters", "Revision")._default_manager.visible_to(actor).values("pk")
        return self.filter(
            Q(revision__isnull=True) | Q(revision__in=seen),
            Q(companion__isnull=True) | Q(companion__in=seen),
            set_revision__evaluation_set__in=sets.visible_to(actor).values("pk"),
        )

    def measured(self) -> "EvaluationQuerySet":
        """Those that have a score."""
        return self.filter(state="measured")


class UncertaintyQuerySet(models.QuerySet["Uncertainty", "Uncertainty"]):
    """Uncertainties by who may see them."""

    def visible_to(self, actor: Actor) -> "UncertaintyQuerySet":
        """Those of which the actor may see both the set and the revision."""
        sets = apps.get_model("evaluations", "EvaluationSet")._default_manager
        revisions = apps.get_model("adapters", "Revision")._default_manager
        return self.filter(
            revision__in=revisions.visible_to(actor).values("pk"),
            set_revision__evaluation_set__in=sets.visible_to(actor).values("pk"),
        )
