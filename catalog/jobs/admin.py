"""Jobs in the plain admin, to look at."""

from django.contrib import admin

from catalog.jobs.models import Job
from catalog.readonly import ReadOnlyAdmin


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Every job, the newest first."""

    list_display = ("created_at", "kind", "subject_name", "state", "attempts", "progress_note")
    list_filter = ("state", "kind", "queue")
    search_fields = ("subject_name",)
    ordering = ("-created_at",)
