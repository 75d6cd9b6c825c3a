"""policy add, list, remove."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import output, policies
from .evaluating import SetName
from .options import AsJson, Cursor, HubUrl, Limit, open_hub

app = typer.Typer(
    help="Which sets measure what is pushed to a namespace, and guard its versions.", no_args_is_help=True
)

Namespace = Annotated[str, typer.Argument(metavar="NAMESPACE")]


@app.command()
def add(
    namespace: Namespace,
    evaluation_set: SetName,
    task: Annotated[str, typer.Option(help="Only uploads for this task.")] = "",
    language: Annotated[str, typer.Option(help="Only uploads for this language (BCP-47).")] = "",
    largest_drop: Annotated[float | None, typer.Option(min=0, help="Publish nothing that is worse by more.")] = None,
    most_negative_flips: Annotated[
        float | None, typer.Option(min=0, max=1, help="Nor with a larger share of rows turned from right to wrong.")
    ] = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Measure uploads by themselves. Example: hubclient policy add team --set team/films --largest-drop 0.01"""
    limits = {"largest_drop": largest_drop, "most_negative_flips": most_negative_flips}
    with open_hub(url) as hub:
        made = policies.add_policy(hub, namespace, evaluation_set, task=task, language=language, **limits)
    if is_json:
        output.emit_json(made)
        return
    effect = "measures and guards" if made["is_gate"] else "measures"
    output.say(f"Policy {made['id']}: {made['evaluation_set']} {effect} what is pushed to {namespace}.")


@app.command("list")
def list_policies(
    namespace: Namespace, cursor: Cursor = None, limit: Limit = 20, url: HubUrl = None, is_json: AsJson = False
) -> None:
    """List the policies of a namespace. Example: hubclient policy list team"""
    with open_hub(url) as hub:
        page = policies.policies(hub, namespace, cursor=cursor, limit=limit)
    if is_json:
        output.emit_json(page)
        return
    output.table(("id", "set", "task", "language", "largest drop", "most flips"), map(_row, page["results"]))
    if page.get("next_cursor"):
        output.note(f"go on with --cursor {page['next_cursor']}")


def _row(policy: dict[str, Any]) -> tuple[Any, ...]:
    limits = (policy["largest_drop"], policy["most_negative_flips"])
    shown = ("no limit" if limit is None else f"{limit:g}" for limit in limits)
    return policy["id"], policy["evaluation_set"], policy["task"] or "any", policy["language"] or "any", *shown


@app.command()
def remove(
    namespace: Namespace,
    policy_id: Annotated[int, typer.Argument(metavar="ID", help="From `policy list`.")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Delete a policy. Example: hubclient policy remove team 3"""
    with open_hub(url) as hub:
        policies.remove_policy(hub, namespace, policy_id)
    if is_json:
        output.emit_json({"removed": policy_id})
    else:
        output.say(f"Policy {policy_id} of {namespace} is gone.")
