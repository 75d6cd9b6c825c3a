"""``manage.py hold REASON -- COMMAND``: garbage collection waits while the command runs."""

import subprocess
from argparse import REMAINDER
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.retention.holds import collection_held


class Command(BaseCommand):
    """Hold garbage collection off."""

    help = "Run a command while garbage collection deletes nothing, and end with its exit status."

    def add_arguments(self, parser: CommandParser) -> None:
        """``REASON``, ``COMMAND``."""
        parser.add_argument("reason", metavar="REASON", help="shown wherever garbage collection says why it waits")
        parser.add_argument("command", metavar="COMMAND", nargs=REMAINDER)

    def handle(self, *args: Any, **options: Any) -> None:
        """Hold, run, let go."""
        command = options["command"]
        command = command[1:] if command[:1] == ["--"] else command
        if not command:
            raise CommandError("say which command to run: manage.py hold REASON -- COMMAND")
        with collection_held(options["reason"]):
            status = subprocess.run(command).returncode
        if status:
            raise SystemExit(status)
