"""``manage.py restore DIR``: a backup becomes this hub."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.retention.backup_folder import BackupError
from catalog.retention.restoring import restore
from storage import StorageError


class Command(BaseCommand):
    """Restore a snapshot. Stop the hub first."""

    help = "Restore the newest snapshot of DIR into an empty database and an empty store. Stop the hub first."

    def add_arguments(self, parser: CommandParser) -> None:
        """``DIR``, ``--snapshot``, ``--force``."""
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument("--snapshot", default="", help="an older one, by its id")
        parser.add_argument("--force", action="store_true", help="replace whatever this hub holds")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore, and name what the backup could not give back; the exit status is 1 then."""
        try:
            lost = restore(
                options["folder"].resolve(),
                snapshot_id=options["snapshot"],
                is_forced=options["force"],
                tell=self.stdout.write,
            )
        except (BackupError, StorageError, OSError) as error:
            raise CommandError(f"nothing was restored completely: {error}") from error
        for digest in lost:
            self.stdout.write(f"not in the backup, or damaged there: {digest}")
        self.stdout.write("restored. Now run: manage.py fsck --hash")
        if lost:
            raise SystemExit(1)
