"""similar, and family propose."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import output
from . import families
from .options import AsJson, HubUrl, Limit, open_hub

_WORDS = {"same_tensors": "same tensors", "copy": "copy", "near_duplicate": "near duplicate", "similar": "similar"}


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(similar)


def similar(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]")],
    limit: Limit = 10,
    least: Annotated[
        float | None, typer.Option(min=-1, max=1, help="Smallest cosine that is shown; 0.2 when left out.")
    ] = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Show the adapters nearest by weights. Example: hubclient similar team/sentiment@1.0.0"""
    with open_hub(url) as hub:
        found = hub.similar(name, limit=limit, least_cosine=least)
    if is_json:
        output.emit_json(found)
        return
    if found["fingerprint"]["skipped"]:
        output.note(f"Only equal tensors could be looked for: {found['fingerprint']['skipped']['detail']}")
    output.table(("adapter", "is", "cosine", "strength", "initial A"), map(near_row, found["similar"]))
    if not found["similar"]:
        output.note("No adapter that you may see points the same way.")
    for row in found["same_initial_a"]:
        output.note(f"began at the same A: {_name(row['revision'])} ({row['initial_a_cosine']:.2f})")


@families.app.command()
def propose(
    base: Annotated[str, typer.Option(metavar="ID[@REV]", help="The base model.")],
    namespace: Annotated[str | None, typer.Option(help="Only adapters of this one.")] = None,
    least: Annotated[int | None, typer.Option("--members", min=2, help="Smallest group; 2 when left out.")] = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Find adapters that began at the same A. Example: hubclient family propose --base gpt2 --namespace team"""
    with open_hub(url) as hub:
        found = hub.propose_families(base, namespace=namespace, least_members=least)
    if is_json:
        output.emit_json(found)
        return
    for number, proposal in enumerate(found["proposals"], start=1):
        members = proposal["members"]
        ranks = ", ".join(str(rank) for rank in proposal["ranks"])
        output.say(
            f"{number}. {len(members)} adapters, rank {ranks}: initial A {proposal['mean_initial_a_cosine']:.2f}, "
            f"updates {proposal['mean_cosine']:.2f}"
        )
        output.say(*(f"   {_name(member)}" for member in members))
        chosen = " ".join(f"--adapter {member['adapter']}" for member in members)
        output.note(f"   hubclient family create {proposal['namespaces'][0]}/NAME --base {base} {chosen}")
    whole = "" if found["is_whole"] else ", the newest"
    output.note(f"{found['considered']} adapters compared{whole}; {found['alone']} share their A with no other.")


def near_row(row: dict[str, Any]) -> tuple[Any, ...]:
    """One line about another adapter: its name, a word, the cosine and its error, strength, cosine of the A's."""
    cosine = "" if row["cosine"] is None else f"{row['cosine']:.4f} +- {row['standard_error']:.4f}"
    return (
        _name(row["revision"]),
        _WORDS[row["likeness"]],
        cosine,
        f"{row['norm_ratio']:.3g}",
        f"{row['initial_a_cosine']:.2f}",
    )


def _name(revision: dict[str, Any]) -> str:
    return f"{revision['adapter']}@{revision['version'] or revision['commit_id'][:12]}"
