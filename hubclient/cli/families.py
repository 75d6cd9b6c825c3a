"""family, compress, pull-family, and the compressed form of pull."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import output
from .options import AsJson, Cursor, HubUrl, Limit, Timeout, open_hub

if TYPE_CHECKING:
    from ..compressed import CompressedResult

app = typer.Typer(help="Adapters of one base model on a shared basis.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The family, namespace/name")]
Method = Annotated[
    str | None, typer.Option(help="jd_full (usual), jd_diag, clustered, eigenlorax or individual.", metavar="METHOD")
]
Rank = Annotated[int | None, typer.Option(min=1, help="Shared rank k; or give --bytes or --error.")]
Bytes = Annotated[int | None, typer.Option("--bytes", min=1, help="Bytes of basis and members together.")]
Error = Annotated[float | None, typer.Option(min=0, max=1, help="Mean relative squared error of every module.")]
Clusters = Annotated[int | None, typer.Option(min=1, help="Clusters, for the method clustered.")]
Dtype = Annotated[
    str | None, typer.Option(help="How the basis is stored: float32, float16, bfloat16, int8, int4 or int1.")
]
Coefficients = Annotated[str | None, typer.Option(help="How coefficients are stored; as for --dtype.")]
MemberRank = Annotated[int | None, typer.Option(min=1, help="Cut each member to this rank before it is projected.")]
Heads = Annotated[str | None, typer.Option(help="How heads are stored: as_they_are (usual), or as for --dtype.")]


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.command()(compress)
    parent.command("pull-family")(pull_family)


@app.command()
def create(
    name: Name,
    base: Annotated[str, typer.Option(metavar="ID[@REV]", help="The base model of all its members.")],
    adapter: Annotated[list[str] | None, typer.Option(metavar="NAME", help="A member; repeatable.")] = None,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="method, task, language or tag of its members.")
    ] = None,
    method: Method = None,
    rank: Rank = None,
    size: Bytes = None,
    error: Error = None,
    clusters: Clusters = None,
    dtype: Dtype = None,
    coefficients: Coefficients = None,
    member_rank: MemberRank = None,
    heads: Heads = None,
    summary: Annotated[str, typer.Option(help="One sentence.")] = "",
    is_private: Annotated[bool, typer.Option("--private/--public", help="Who sees the family.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Make a family. Example: hubclient family create team/films --base gpt2 --adapter team/a --adapter team/b"""
    given = {
        "method": method, "rank": rank, "bytes": size, "error": error, "clusters": clusters, "dtype": dtype,
        "coefficients": coefficients, "member_rank": member_rank, "heads": heads,
    }  # fmt: skip
    with open_hub(url) as hub:
        made = hub.create_family(
            name,
            base_model=base,
            adapters=adapter or (),
            rule=_pairs(rule or []),
            options={key: value for key, value in given.items() if value is not None},
            visibility="private" if is_private else "public",
            summary=summary,
        )
    if is_json:
        output.emit_json(made)
    else:
        output.say(f"{made['full_name']} is made; compress it with hubclient compress {made['full_name']}")


@app.command("list")
def list_families(
    query: Annotated[str, typer.Argument(help="Words of the name.")] = "",
    namespace: Annotated[str | None, typer.Option(help="Of this namespace.")] = None,
    base: Annotated[str | None, typer.Option(metavar="ID", help="Of this base model.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """List families. Example: hubclient family list --base gpt2"""
    with open_hub(url) as hub:
        page = hub.families(query, namespace=namespace, base_model=base, limit=limit, cursor=cursor)
    if is_json:
        output.emit_json(page)
        return
    rows = [
        (row["full_name"], row["base_model"]["id"], f"@{row['current']}" if row["current"] else "", row["summary"])
        for row in page["results"]
    ]
    output.table(("family", "base model", "basis", "summary"), rows)
    if page.get("next_cursor"):
        output.note(f"more with --cursor {page['next_cursor']}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME[@NUMBER]", help="The family, or one of its bases.")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Show a family, its basis and what became of each member. Example: hubclient family show team/films"""
    from ..errors import NotFoundError
    from ..names import AdapterName

    full_name = AdapterName.parse(name).full_name
    with open_hub(url) as hub:
        family = hub.family(full_name)
        members = hub.family_members(full_name, limit=100)
        try:
            basis = hub.basis(name)
            fits = hub.fits(full_name, basis["number"], limit=100)["results"]
        except NotFoundError:
            basis, fits = None, []
    if is_json:
        output.emit_json({"family": family, "members": members["results"], "basis": basis, "fits": fits})
        return
    output.facts({"family": family["full_name"], "base model": family["base_model"]["id"], "about": family["summary"]})
    if basis is None:
        output.table(("adapter", "consent"), [(row["adapter"], row["consent"]) for row in members["results"]])
        output.say(f"No basis yet: hubclient compress {full_name}")
        return
    output.facts(
        {
            "basis": basis["reference"],
            "method": basis["method"],
            "state": basis["state"],
            "size": output.readable_size(basis["size_bytes"]),
        }
    )
    output.table(("adapter", "state", "bytes", "was", "error"), [_fit_row(fit) for fit in fits])


@app.command()
def add(
    name: Name,
    adapters: Annotated[list[str], typer.Argument(metavar="ADAPTER...", help="namespace/name")],
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Add adapters by hand. Example: hubclient family add team/films team/a other/b"""
    with open_hub(url) as hub:
        added = hub.add_to_family(name, adapters)
    if is_json:
        output.emit_json(added)
        return
    for row in added:
        waits = "; waits for an owner of its namespace" if row["consent"] == "asked" else ""
        output.say(f"{row['adapter']}: consent {row['consent']}{waits}")


@app.command()
def remove(
    name: Name,
    adapter: Annotated[str, typer.Argument(metavar="ADAPTER", help="namespace/name")],
    url: HubUrl = None,
) -> None:
    """Take an adapter out of the next basis. Example: hubclient family remove team/films team/a"""
    with open_hub(url) as hub:
        hub.remove_from_family(name, adapter)
    output.say(f"{adapter} leaves {name} with the next basis")


@app.command()
def consent(
    name: Name,
    adapter: Annotated[str, typer.Argument(metavar="ADAPTER", help="An adapter of a namespace that you own.")],
    is_given: Annotated[bool, typer.Option("--give/--refuse", help="Whether it may enter the shared basis.")] = True,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Give or refuse consent for an adapter. Example: hubclient family consent team/films other/b --refuse"""
    with open_hub(url) as hub:
        member = hub.consent(name, adapter, is_given=is_given)
    if is_json:
        output.emit_json(member)
    else:
        output.say(f"{member['adapter']}: consent {member['consent']}")


@app.command()
def expand(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder pulled with --keep-compressed.")],
    dest: Annotated[Path, typer.Argument(metavar="DEST", help="The folder to make.")],
) -> None:
    """Turn a kept compressed form into an ordinary LoRA. Example: hubclient family expand ./a ./a-lora"""
    from ..compressed import expand_folder

    made = expand_folder(folder, dest)
    output.say(f"from peft import PeftModel; model = PeftModel.from_pretrained(base_model, {str(made)!r})")


def compress(
    name: Name,
    method: Method = None,
    rank: Rank = None,
    size: Bytes = None,
    error: Error = None,
    clusters: Clusters = None,
    dtype: Dtype = None,
    coefficients: Coefficients = None,
    member_rank: MemberRank = None,
    heads: Heads = None,
    seed: Annotated[int | None, typer.Option(min=0, help="0 when left out.")] = None,
    queue: Annotated[str | None, typer.Option(help="cpu (usual) or gpu.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "",
    is_waiting: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the basis.")] = True,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Make the next basis of a family. Example: hubclient compress team/films --method jd_full --rank 16"""
    options = {
        "method": method, "rank": rank, "bytes": size, "error": error, "clusters": clusters, "dtype": dtype,
        "coefficients": coefficients, "member_rank": member_rank, "heads": heads, "seed": seed, "queue": queue,
    }  # fmt: skip
    with open_hub(url) as hub, output.progress("Compressing", is_bytes=False, is_quiet=is_json) as call:
        basis = hub.compress(
            name,
            is_waiting=is_waiting,
            reason=reason,
            timeout_seconds=timeout,
            on_progress=lambda share, label: call(share, 1.0, label),
            **options,
        )
    if is_json:
        output.emit_json(basis)
    elif basis["state"] == "ready":
        output.say(f"{basis['reference']} is ready: {output.readable_size(basis['size_bytes'])}")
        output.say(f"see hubclient family show {name}; pull with hubclient pull-family {name}")
    else:
        output.say(f"{basis['reference']} is {basis['state']}; job {basis['job']}")


def pull_family(
    name: Annotated[str, typer.Argument(metavar="NAME[@NUMBER]", help="The family, or one of its bases.")],
    dest: Annotated[Path | None, typer.Option(help="The folder to fill; ./name when left out.")] = None,
    is_kept: Annotated[bool, typer.Option("--keep-compressed", help="Leave the compressed form on disk.")] = False,
    is_forced: Annotated[bool, typer.Option("--force", help="Replace what is there now.")] = False,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Download a whole family: its basis once, then coefficients. Example: hubclient pull-family team/films"""
    from ..names import AdapterName

    parsed = AdapterName.parse(name)
    number = int(parsed.ref) if parsed.ref else None
    with open_hub(url) as hub, output.progress("Receiving", is_bytes=True, is_quiet=is_json) as receiving:
        pulled = hub.pull_family(
            parsed.full_name, dest or Path(parsed.name), number=number, is_kept=is_kept, is_forced=is_forced,
            on_progress=receiving,
        )  # fmt: skip
    if is_json:
        output.emit_json(pulled.as_dict())
        return
    size = output.readable_size
    rows = [(one.member.reference, one.form, size(one.transferred_bytes), one.folder) for one in pulled.compressed]
    rows += [(one.plan.adapter, "whole", size(one.transferred_bytes), one.folder) for one in pulled.whole]
    output.table(("adapter", "form", "transferred", "folder"), rows)
    amounts = (size(pulled.transferred_bytes), size(pulled.original_bytes))
    output.say(f"{pulled.plan.name}: {amounts[0]} transferred for {amounts[1]} of adapters")


def pull_compressed(
    name: str,
    folder: Path,
    *,
    base: str | None,
    family: str | None,
    is_kept: bool,
    is_forced: bool,
    url: str | None,
    is_json: bool,
) -> bool:
    """`pull --compressed`: whether it was done; an adapter on no basis is left to the ordinary pull, with a note."""
    from ..errors import ConflictError

    with open_hub(url) as hub, output.progress("Receiving", is_bytes=True, is_quiet=is_json) as receiving:
        try:
            if base:
                hub.resolve(name, base)
            result = hub.pull_compressed(
                name, folder, family=family, is_kept=is_kept, is_forced=is_forced, on_progress=receiving
            )
        except ConflictError as error:
            if error.code != "not_compressed":
                raise
            output.note(f"note: {error.detail}; pulled as it is")
            return False
    if is_json:
        output.emit_json(result.as_dict())
    else:
        _show_pulled(result)
    return True


def _show_pulled(result: CompressedResult) -> None:
    amounts = [output.readable_size(size) for size in (result.transferred_bytes, result.member.original_bytes)]
    how = f"{amounts[0]} transferred instead of {amounts[1]}" if result.transferred_bytes else "all here already"
    output.say(f"{result.member.reference} in {result.folder} (on {result.plan.name}, {how})")
    output.say(result.load_line)


def _fit_row(fit: dict[str, Any]) -> tuple[Any, ...]:
    sizes = (output.readable_size(fit["size_bytes"]), output.readable_size(fit["original_bytes"]))
    name = f"{fit['adapter']}@{fit['version'] or fit['commit_id'][:12]}"
    return (name, fit["state"], *sizes, f"{fit['relative_squared_error']:.3f}")


def _pairs(given: list[str]) -> dict[str, str]:
    from ..errors import UsageError

    found = {}
    for pair in given:
        key, sign, value = pair.partition("=")
        if not sign or not key or not value:
            raise UsageError(f"{pair!r} is not KEY=VALUE.", field="rule", hint="Such as --rule task=intent.")
        found[key] = value
    return found
