"""``manage.py flush``: Django's own, for a hub: everything goes, so the audit log goes too."""

from typing import Any

from django.core.management.commands import flush
from django.db import connections

from catalog.reviews.append_only import unguarded


class Command(flush.Command):
    """Empty the database, after the same question. The audit log, which refuses every change, opens for it alone."""

    def handle(self, **options: Any) -> None:
        """All or nothing."""
        with unguarded(connections[options["database"]]):
            super().handle(**options)
