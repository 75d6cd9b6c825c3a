"""``manage.py import_adapterhub PATH``: AdapterHub's entries as catalogue records."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.records.importing import Report, import_entries

MOST_SHOWN = 50


class Command(BaseCommand):
    """Import, and say what came of it."""

    help = (
        "Import AdapterHub's entries as records: JSON lines, JSON, or a folder of its YAML files. "
        "The same entries again change nothing; every row that could not be taken is named, with the reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """``PATH``, ``--dry-run``, ``--json``, ``--notes``."""
        parser.add_argument("path", metavar="PATH", type=Path, help="a file (.jsonl, .json, .yaml) or a folder")
        parser.add_argument("--dry-run", action="store_true", help="read everything and keep nothing")
        parser.add_argument(
            "--notes", action="store_true", help="name every value that was read otherwise than written"
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="the whole report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import. Raises CommandError where there is no such path, or not one row in it could be taken."""
        try:
            report = import_entries(options["path"], is_dry_run=options["dry_run"])
        except FileNotFoundError as error:
            raise CommandError(f"there is no {error}") from error
        if options["as_json"]:
            self.stdout.write(json.dumps(report.as_dict(), indent=1))
        else:
            self._tell(report, is_dry_run=options["dry_run"], with_notes=options["notes"])
        if not report.taken:
            raise CommandError("no entry was found, or none could be taken")

    def _tell(self, report: Report, *, is_dry_run: bool, with_notes: bool) -> None:
        kept = "would be kept" if is_dry_run else "kept"
        counts = f"{report.created} new, {report.updated} changed, {report.unchanged} as they were"
        self.stdout.write(f"{report.taken} records {kept}: {counts}")
        self.stdout.write(f"{len(report.refused)} rows could not be taken")
        for row in report.refused[:MOST_SHOWN]:
            self.stdout.write(f"  {row.where}: {row.code}: {row.detail}")
        if len(report.refused) > MOST_SHOWN:
            self.stdout.write(f"  ... and {len(report.refused) - MOST_SHOWN} more; --json names all")
        for code, count in report.note_counts().items():
            self.stdout.write(f"  note {code}: {count}")
        if with_notes:
            for name, notes in report.noted.items():
                for note in notes:
                    self.stdout.write(f"  {name}: {note['field']} {note['given']!r} {note['detail']} ({note['code']})")
