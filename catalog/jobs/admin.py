"""Jobs and workers in the plain admin, to look at."""

from django.contrib import admin

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

    list_display = ("created_at", "kind", "subject_name", "state", "is_dead_letter", "attempts", "progress_note")
    list_filter = ("is_dead_letter", "state", "kind", "queue", "priority")
    search_fields = ("subject_name",)
    ordering = ("-created_at",)
    inlines = (EventInline,)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Every known worker."""

    list_display = ("name", "host", "pid", "queues", "started_at", "seen_at", "is_stopping", "clock_skew_seconds")
