"""review assign, priority, say, thread: one case at a time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import output, reviews
from ..errors import UsageError
from .options import AsJson, HubUrl, open_hub
from .reviewing import Revision, check_revision


def register(app: typer.Typer) -> None:
    """Add these commands to the group `review`."""
    app.command()(assign)
    app.command()(priority)
    app.command()(say)
    app.command()(thread)


def assign(
    name: Revision,
    to: Annotated[str, typer.Option(metavar="USER", help="An owner or reviewer of the namespace.")] = "",
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever has it.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Give a case to a reviewer. Example: hubclient review assign team/sentiment@1.0.0 --to ada"""
    check_revision(name)
    if bool(to) == nobody:
        raise UsageError("Say --to USER or --nobody.", field="to")
    with open_hub(url) as hub:
        case = reviews.change_case(hub, name, assignee=to)
    _show(name, case, f"given to {to or 'nobody'}", is_json=is_json)


def priority(
    name: Revision,
    level: Annotated[str, typer.Argument(metavar="urgent|high|normal|low")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Say how soon somebody should look. Example: hubclient review priority team/sentiment@1.0.0 urgent"""
    check_revision(name)
    with open_hub(url) as hub:
        case = reviews.change_case(hub, name, priority=level)
    _show(name, case, f"priority {case['priority']}", is_json=is_json)


def say(name: Revision, text: str, url: HubUrl = None, is_json: AsJson = False) -> None:
    """Remark on a revision. Example: hubclient review say team/sentiment@1.0.0 "Which data?" """
    check_revision(name)
    with open_hub(url) as hub:
        said = reviews.comment(hub, name, text)
    _show(name, said, "said", is_json=is_json)


def thread(name: Revision, url: HubUrl = None, is_json: AsJson = False) -> None:
    """Show what was said over all its pushes. Example: hubclient review thread team/sentiment@1.0.0"""
    check_revision(name)
    with open_hub(url) as hub:
        case = reviews.case(hub, name)
    if is_json:
        output.emit_json(case)
        return
    rows = ((line["at"], line["who"], line["what"], line["version"], line["text"]) for line in case["said"])
    output.table(("when", "who", "what", "version", "text"), rows)


def _show(name: str, answer: dict[str, Any], said: str, *, is_json: bool) -> None:
    if is_json:
        output.emit_json(answer)
    else:
        output.say(f"{name}: {said}.")
