"""``manage.py collect_garbage``: delete bytes that nothing refers to, in two phases."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.retention.collection import collect_garbage, preview


class Command(BaseCommand):
    """Collect garbage once."""

    help = (
        "Condemn blobs that nothing has referred to for HUB_GC_GRACE_SECONDS, and delete those condemned "
        "for HUB_GC_WAIT_SECONDS. Safe at any time; the hub does it every hour by itself."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """``--dry-run``, ``--json``."""
        parser.add_argument("--dry-run", action="store_true", help="only say what a run would do now")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, and say what was done."""
        done = preview() if options["dry_run"] else collect_garbage()
        if options["as_json"]:
            self.stdout.write(json.dumps(done.as_dict()))
            return
        for name, value in done.as_dict().items():
            if value != "":
                self.stdout.write(f"{name.replace('_', ' ')}: {value}")
