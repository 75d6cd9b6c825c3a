"""``manage.py register_set DIR ORG/NAME``: an evaluation set from a folder on this machine."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.accounts.models import Membership, Role, User
from catalog.errors import DomainError
from catalog.evaluations.folders import open_folder
from catalog.evaluations.manifests import read_manifest
from catalog.evaluations.sets import add_revision, create_set
from catalog.names import fold, split_full_name
from storage import StorageError


class Command(BaseCommand):
    """Register a set, or add a revision to it."""

    help = "Register a folder (set.json and its files) as the evaluation set ORG/NAME; other rows: a new revision."

    def add_arguments(self, parser: CommandParser) -> None:
        """``DIR``, ``NAME``, ``--user``, ``--private``, ``--hidden``."""
        parser.add_argument("folder", metavar="DIR", type=_folder)
        parser.add_argument("name", metavar="ORG/NAME")
        parser.add_argument("--user", default="", help="who registers it; an owner of the namespace by default")
        parser.add_argument("--private", action="store_true", help="only the namespace's members see it")
        parser.add_argument("--hidden", action="store_true", help="nobody ever downloads its rows")

    def handle(self, *args: Any, **options: Any) -> None:
        """Register, and say what came of it."""
        try:
            actor = _actor(options["user"], options["name"])
            with open_folder(options["folder"]) as (said, files):
                manifest = read_manifest({**said, "is_hidden": options["hidden"] or said.get("is_hidden", False)})
                visibility = "private" if options["private"] else said.get("visibility", "public")
                of = create_set(
                    actor,
                    full_name=options["name"],
                    visibility=visibility,
                    summary=str(said.get("summary", "")),
                    exist_ok=True,
                )
                if of.visibility != visibility:
                    raise CommandError(f"{of} is {of.visibility} already, not {visibility}")
                added = add_revision(actor, of, manifest, files)
        except DomainError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        except StorageError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        revision = added.revision
        state = "registered" if added.is_new else "is there already"
        self.stdout.write(f"{revision} {state}: {revision.rows} rows, digest {revision.digest}")


def _folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise ArgumentTypeError(f"{text} is no folder")
    return folder


def _actor(username: str, full_name: str) -> User:
    if username:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"no user {username!r}")
        return user
    namespace, _ = split_full_name(full_name, field="name")
    owners = Membership.objects.select_related("user").filter(namespace__folded=fold(namespace), role=Role.OWNER)
    owner = owners.order_by("pk").first()
    if owner is None:
        raise CommandError(f"no namespace {namespace!r} with an owner; make it first, or say --user")
    return owner.user
