"""``manage.py backup DIR``: database first, then the objects it refers to."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.retention.backup import back_up
from catalog.retention.backup_folder import BackupError
from catalog.retention.pruning_backups import prune_backup
from storage import StorageError


class Command(BaseCommand):
    """Add a snapshot to a backup."""

    help = "Back up the database and every blob it refers to into DIR; blobs that DIR holds are not copied again."

    def add_arguments(self, parser: CommandParser) -> None:
        """``DIR``, ``--keep``."""
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument("--keep", metavar="N", type=int, help="afterwards remove all but the newest N snapshots")

    def handle(self, *args: Any, **options: Any) -> None:
        """Back up, and say what was copied; the exit status is 1 where the store had lost something."""
        folder, keep = options["folder"].resolve(), options["keep"]
        if keep is not None and keep < 1:
            raise CommandError(f"--keep {keep}: at least one snapshot is kept")
        try:
            snapshot = back_up(folder, tell=self.stdout.write)
        except (BackupError, StorageError, OSError) as error:
            raise CommandError(f"the backup is not finished: {error}") from error
        self.stdout.write(f"snapshot {snapshot.id} is finished. Keep it secret, and keep HUB_SECRET_KEY with it.")
        if keep is not None:
            try:
                prune_backup(folder, keep=keep, written=snapshot, tell=self.stdout.write)
            except (BackupError, OSError) as error:
                self.stderr.write(f"nothing, or not all, was pruned: {error}")
        if snapshot.missing:
            raise SystemExit(1)
