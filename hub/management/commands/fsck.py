"""``manage.py fsck``: does the database say what the store holds, and does the catalog agree with itself?"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.retention.fsck import fsck
from storage import StorageError


class Command(BaseCommand):
    """Check everything once; the exit status is 1 where something is wrong and was not repaired."""

    help = (
        "Check the database against the store, both ways, and the catalog against itself; safe while the hub works. "
        "The exit status is 1 where something is wrong and was not repaired."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """``--hash``, ``--repair``, ``--json``."""
        parser.add_argument("--hash", action="store_true", dest="is_hashing", help="read and hash every stored byte")
        parser.add_argument(
            "--repair",
            action="store_true",
            dest="is_repairing",
            help="adopt unknown objects, quarantine damaged ones, write search entries and missing log lines anew",
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, and print each finding."""
        findings, left = [], 0
        try:
            for finding in fsck(is_repairing=options["is_repairing"], is_hashing=options["is_hashing"]):
                findings.append(finding.as_dict())
                left += not finding.is_repaired
                if not options["as_json"]:
                    end = " (repaired)" if finding.is_repaired else ""
                    self.stdout.write(f"{finding.code} {finding.subject}: {finding.detail}{end}")
        except StorageError as error:
            raise CommandError(f"the store does not answer: {error.code}: {error.detail}") from error
        if options["as_json"]:
            self.stdout.write(json.dumps({"is_clean": not left, "findings": findings}))
        else:
            self.stdout.write(f"{len(findings)} findings, {left} left" if findings else "clean")
        if left:
            raise SystemExit(1)
