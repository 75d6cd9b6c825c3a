"""Sets, evaluations and policies in the admin pages: shown, never written. Rows and answers are not shown."""

from django.contrib import admin

from catalog.evaluations.models import Evaluation, EvaluationSet, Policy, SetRevision, Uncertainty
from catalog.readonly import ReadOnlyAdmin


@admin.register(EvaluationSet)
class EvaluationSetAdmin(ReadOnlyAdmin):
    """Every set."""

    list_display = ("namespace", "name", "visibility", "created_at", "withdrawn_at")
    list_filter = ("visibility",)
    search_fields = ("name", "namespace__name")


@admin.register(SetRevision)
class SetRevisionAdmin(ReadOnlyAdmin):
    """Every revision of a set."""

    list_display = ("evaluation_set", "number", "harness", "metric", "rows", "size_bytes", "is_hidden", "withdrawn_at")
    list_filter = ("harness", "is_hidden")


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    """Every evaluation."""

    list_display = ("id", "revision", "base_model", "set_revision", "state", "cause", "score", "seconds", "measured_at")
    list_filter = ("state", "cause")
    list_select_related = ("revision__adapter__namespace", "base_model", "set_revision__evaluation_set__namespace")


@admin.register(Uncertainty)
class UncertaintyAdmin(ReadOnlyAdmin):
    """Every uncertainty."""

    list_display = ("id", "revision", "set_revision", "state", "sigma", "seconds", "measured_at")
    list_filter = ("state",)
    list_select_related = ("revision__adapter__namespace", "set_revision__evaluation_set__namespace")


@admin.register(Policy)
class PolicyAdmin(ReadOnlyAdmin):
    """Every policy."""

    list_display = ("namespace", "evaluation_set", "task", "language", "largest_drop", "most_negative_flips")
