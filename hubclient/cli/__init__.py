"""The command `hubclient`: each command is a short function that calls the Python API and shows the result."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from ..errors import HubError, UsageError
from ..output import report_error
from . import (
    account,
    bases,
    caching,
    calibrating,
    catalog,
    checking,
    collecting,
    comparing,
    deriving,
    differing,
    eval_sets,
    evaluating,
    families,
    granting,
    policing,
    review_cases,
    review_rules,
    reviewing,
    searching,
    tracing,
    training,
    transfer,
)

app = typer.Typer(
    name="hubclient",
    help="Push, pull and search model adapters on an Adapter Hub.",
    epilog="HUB_URL and HUB_TOKEN name the hub and the token. Example: hubclient push ./adapter team/sentiment",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for room in (
    account, transfer, searching, catalog, checking, comparing, evaluating, calibrating, deriving, tracing, families,
    training, differing, collecting,
):  # fmt: skip
    room.register(app)
app.add_typer(granting.app, name="access")
app.add_typer(bases.app, name="base-model")
app.add_typer(caching.app, name="cache")
app.add_typer(eval_sets.app, name="eval-set")
app.add_typer(families.app, name="family")
app.add_typer(policing.app, name="policy")
for room in (review_cases, review_rules):
    room.register(reviewing.app)
app.add_typer(reviewing.app, name="review")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 refused, 2 wrong usage, 3 network, 4 not permitted, 5 integrity."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=given, prog_name="hubclient")
    except HubError as error:
        failure = error
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        failure = UsageError(f"{error.strerror or error}: {error.filename or 'no file'}", code="local_files")
    report_error(failure, is_json="--json" in given)
    sys.exit(failure.exit_code)
