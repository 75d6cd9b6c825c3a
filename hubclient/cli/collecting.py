"""collection create, list, show, add, remove, move, note, log, diff, pull, delete; record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from .options import AsJson, Cursor, HubUrl, Limit, open_hub

app = typer.Typer(help="Named, ordered lists of adapters and records; every change is kept.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The collection, namespace/name")]
NameAt = Annotated[str, typer.Argument(metavar="NAME[@REVISION]", help="The collection, now or at a revision.")]
Items = Annotated[list[str], typer.Argument(metavar="ITEM...", help="namespace/name[@version], or records/source/path")]
Item = Annotated[str, typer.Argument(metavar="ITEM", help="As the list shows it.")]
Message = Annotated[str, typer.Option("--message", "-m", help="Why, for the list of revisions.")]


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.add_typer(app, name="collection")
    parent.command()(record)


@app.command()
def create(
    name: Name,
    item: Annotated[list[str] | None, typer.Argument(metavar="[ITEM...]", help="What it begins with.")] = None,
    summary: Annotated[str, typer.Option(help="One sentence.")] = "",
    is_private: Annotated[bool, typer.Option("--private/--public", help="Who sees it.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Make a collection. Example: hubclient collection create team/tongues team/ner-de team/ner-fr"""
    with open_hub(url) as hub:
        made = hub.create_collection(name, summary=summary, visibility="private" if is_private else "public")
        if item:
            hub.add_to_collection(name, item)
            made = {**made, "revision": made["revision"] + 1}
    if is_json:
        output.emit_json(made)
    else:
        output.say(f"{made['full_name']} is made, at revision {made['revision']}.")


@app.command("list")
def list_collections(
    query: Annotated[str, typer.Argument(help="Words of the name.")] = "",
    namespace: Annotated[str | None, typer.Option(help="Of this namespace.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """List collections. Example: hubclient collection list --namespace team"""
    with open_hub(url) as hub:
        page = hub.collections(query, namespace=namespace, limit=limit, cursor=cursor)
    if is_json:
        output.emit_json(page)
        return
    rows = [(row["full_name"], f"@{row['revision']}", row["visibility"], row["summary"]) for row in page["results"]]
    output.table(("collection", "revision", "who sees it", "summary"), rows)
    output.more_pages(page)


@app.command()
def show(name: NameAt, url: HubUrl = None, is_json: AsJson = False) -> None:
    """Show what is in it. Example: hubclient collection show team/tongues@3"""
    with open_hub(url) as hub:
        content = hub.collection(name)
    _tell(content, is_json=is_json)


@app.command()
def add(
    name: Name,
    items: Items,
    note: Annotated[str, typer.Option(help="A note on each of them.")] = "",
    message: Message = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Put adapters and records at the end. Example: hubclient collection add team/tongues team/ner-it"""
    with open_hub(url) as hub:
        content = hub.add_to_collection(name, items, note=note, message=message)
    _tell(content, is_json=is_json)


@app.command()
def remove(name: Name, items: Items, message: Message = "", url: HubUrl = None, is_json: AsJson = False) -> None:
    """Take items out. Example: hubclient collection remove team/tongues team/ner-it -m "measured worse" """
    with open_hub(url) as hub:
        content = hub.remove_from_collection(name, items, message=message)
    _tell(content, is_json=is_json)


@app.command()
def move(
    name: Name,
    item: Item,
    position: Annotated[int, typer.Argument(min=1, help="Its new place; 1 is the first.")],
    message: Message = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Move an item. Example: hubclient collection move team/tongues team/ner-it 1"""
    with open_hub(url) as hub:
        content = hub.change_in_collection(name, item, position=position, message=message)
    _tell(content, is_json=is_json)


@app.command()
def note(
    name: Name,
    item: Item,
    text: Annotated[str, typer.Argument(help="The note; empty takes it away.")],
    message: Message = "",
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Write a note on an item. Example: hubclient collection note team/tongues team/ner-it "for short texts" """
    with open_hub(url) as hub:
        content = hub.change_in_collection(name, item, note=text, message=message)
    _tell(content, is_json=is_json)


@app.command()
def log(name: Name, limit: Limit = 20, cursor: Cursor = None, url: HubUrl = None, is_json: AsJson = False) -> None:
    """List its revisions, the newest first. Example: hubclient collection log team/tongues"""
    with open_hub(url) as hub:
        page = hub.collection_revisions(name, limit=limit, cursor=cursor)
    if is_json:
        output.emit_json(page)
        return
    rows = [(f"@{row['number']}", row["created_at"], row["author"] or "", row["message"]) for row in page["results"]]
    output.table(("revision", "when", "who", "why"), rows)
    output.more_pages(page)


@app.command()
def diff(
    name: Name,
    start: Annotated[int | None, typer.Option("--from", min=1, help="The newest but one without it.")] = None,
    end: Annotated[int | None, typer.Option("--to", min=1, help="The newest without it.")] = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Tell what changed between two revisions. Example: hubclient collection diff team/tongues --from 1"""
    with open_hub(url) as hub:
        found = hub.collection_diff(name, start, end)
    if is_json:
        output.emit_json(found)
        return
    rows = [("+", row["name"], f"at {row['position']}") for row in found["added"]]
    rows += [("-", row["name"], f"from {row['position']}") for row in found["removed"]]
    for sign, kind, shown in (("~", "moved", "position"), ("=", "noted", "note"), ("@", "other_version", "name")):
        rows += [
            (sign, row["after"]["name"], f"{row['before'][shown]} -> {row['after'][shown]}") for row in found[kind]
        ]
    rows += [("*", word, " -> ".join(found[word])) for word in ("summary", "description") if found[word]]
    if rows:
        output.table(("", f"{name} @{found['start']} to @{found['end']}", ""), rows)
    else:
        output.say("Nothing changed that you may see.")


@app.command()
def pull(
    name: NameAt,
    folder: Annotated[Path, typer.Argument(help="Each adapter comes into FOLDER/namespace/name.")],
    is_forced: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Pull every adapter in it. Example: hubclient collection pull team/tongues ./tongues"""
    with open_hub(url) as hub, output.progress("Pulling", is_bytes=True, is_quiet=is_json) as on_progress:
        result = hub.pull_collection(name, folder, is_forced=is_forced, on_progress=on_progress)
    if is_json:
        output.emit_json(result.as_dict())
        return
    output.say(f"{len(result.pulled)} adapters of {result.name}@{result.revision} are in {folder}")
    for one in result.elsewhere:
        output.note(f"{one} lies elsewhere: hubclient record {one}")


@app.command()
def delete(name: Name, url: HubUrl = None) -> None:
    """Delete it; what it holds stays. Example: hubclient collection delete team/tongues"""
    with open_hub(url) as hub:
        hub.delete_collection(name)
    output.say(f"{name} is deleted.")


def record(
    name: Annotated[str, typer.Argument(metavar="SOURCE/PATH", help="As a search shows it.")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Show an adapter that lies elsewhere. Example: hubclient record adapterhub/ukp/bert-base-uncased-sst_pfeiffer"""
    with open_hub(url) as hub:
        found = hub.record(name)
    if is_json:
        output.emit_json(found)
        return
    output.facts(
        {
            "record": f"{found['full_name']} ({found['state']}, not checked here)",
            "about": found["summary"],
            "base model": found["base_name"],
            "method": found["method"],
            "task": found["task"],
            "language": ", ".join(found["languages"]),
            "licence": found["license"] or "not stated",
            "author": found["author"],
            "link": found["link"],
        }
    )
    rows = [(row["name"], row["url"], row["sha256"][:12], row["score"]) for row in found["versions"]]
    output.table(("version", "url", "sha256", "claimed score"), [[cell or "" for cell in row] for row in rows])


def _tell(content: dict[str, Any], *, is_json: bool) -> None:
    if is_json:
        output.emit_json(content)
        return
    output.say(f"{content['collection']}@{content['number']}{': ' if content['summary'] else ''}{content['summary']}")
    rows = [(row["position"], row["name"], row["note"]) for row in content["items"]]
    output.table(("place", "item", "note"), rows)
