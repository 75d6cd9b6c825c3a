"""Jobs and workers in the plain admin, to look at; dead letters can be acknowledged there, many at once."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.accounts.models import User
from catalog.jobs.deciding import acknowledge, can_acknowledge
from catalog.jobs.models import Job, JobEvent, Worker
from catalog.readonly import ReadOnlyAdmin


class EventInline(admin.TabularInline):
    """A job's log below it."""

    model = JobEvent
    extra = 0
    can_delete = False
    fields = readonly_fields = ("at", "kind", "attempt", "who", "note")

    def has_add_permission(self, request: object, obj: object = None) -> bool:
        """Never."""
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Every job, the newest first; dead letters by the filter."""

    list_display = (
        "created_at", "kind", "subject_name", "state", "is_dead_letter", "acknowledged_at", "attempts", "progress_note",
    )  # fmt: skip
    list_filter = ("is_dead_letter", ("acknowledged_at", admin.EmptyFieldListFilter), "state", "kind", "queue")
    actions = ("acknowledge_chosen",)
    search_fields = ("subject_name",)
    ordering = ("-created_at",)
    inlines = (EventInline,)

    @admin.action(description="Acknowledge the chosen dead letters", permissions=["view"])
    def acknowledge_chosen(self, request: HttpRequest, chosen: QuerySet[Job]) -> None:
        """Those among them that are dead letters and wait for somebody."""
        user = cast(User, request.user)
        waiting = [job for job in chosen if can_acknowledge(user, job)]
        for job in waiting:
            acknowledge(user, job)
        messages.success(request, f"{len(waiting)} acknowledged.")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Every known worker."""

    list_display = ("name", "host", "pid", "queues", "started_at", "seen_at", "is_stopping", "clock_skew_seconds")
