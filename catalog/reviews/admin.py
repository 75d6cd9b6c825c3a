"""The audit log in the plain admin, to look at."""

from django.contrib import admin

from catalog.readonly import ReadOnlyAdmin
from catalog.reviews.models import AuditEvent


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Everything that changed what people may rely on, the newest first."""

    list_display = ("created_at", "actor", "action", "subject", "before", "after", "note")
    list_filter = ("action",)
    search_fields = ("actor", "subject")
    ordering = ("-created_at",)
