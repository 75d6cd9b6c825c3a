"""``manage.py scrub``: hash a share of the store again."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.retention.scrubbing import damaged, scrub


class Command(BaseCommand):
    """Scrub once; the exit status is 1 where anything is damaged."""

    help = (
        "Read blobs again, those not looked at for longest first, and put wrong ones in quarantine. "
        "The exit status is 1 where any blob that a revision holds is damaged."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """``--share``, ``--all``, ``--json``."""
        parser.add_argument(
            "--share", type=float, default=settings.HUB_SCRUB_SHARE, help="0 to 1 (default %(default)s)"
        )
        parser.add_argument("--all", action="store_true", dest="whole", help="every blob")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, and say what was found."""
        if not 0 <= options["share"] <= 1:
            raise CommandError(f"--share is between 0 and 1; received {options['share']}")
        done = scrub(share=1.0 if options["whole"] else options["share"])
        quarantine = sorted(damaged().values_list("pk", flat=True))
        if options["as_json"]:
            self.stdout.write(json.dumps({**done.as_dict(), "quarantine": quarantine}))
        else:
            self.stdout.write(f"hashed {done.hashed} blobs, {done.hashed_bytes} bytes")
            for digest in quarantine:
                self.stdout.write(f"damaged: {digest}")
            if done.waiting_for:
                self.stdout.write(f"stopped early: {done.waiting_for}")
        if quarantine or done.waiting_for:
            raise SystemExit(1)
