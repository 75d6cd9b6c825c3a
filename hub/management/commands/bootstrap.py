"""``manage.py bootstrap``: the first administrator and a token, printed once."""

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.accounts.models import User
from catalog.accounts.services import create_user
from catalog.accounts.tokens import SCOPES, issue_token
from catalog.errors import DomainError


class Command(BaseCommand):
    """Make the first administrator."""

    help = "Make an administrator with a random password and a token of every scope; both are printed this once."

    def add_arguments(self, parser: CommandParser) -> None:
        """``--username``, ``--email``, ``--json``."""
        parser.add_argument("--username", default="admin")
        parser.add_argument("--email", default="")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make user and token, and print them."""
        if User.objects.filter(is_superuser=True).exists():
            raise CommandError("this hub has an administrator; make further users with POST /api/v1/users")
        password = secrets.token_urlsafe(16)
        try:
            user = create_user(username=options["username"], email=options["email"], password=password, is_admin=True)
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        token = issue_token(user, name="bootstrap", scopes=list(SCOPES), expires_in_days=None).secret
        made = {"username": user.username, "password": password, "token": token}
        if options["as_json"]:
            self.stdout.write(json.dumps(made))
            return
        self.stdout.write("Keep these; they are shown this once.\n")
        for name, value in made.items():
            self.stdout.write(f"  {name}: {value}\n")
