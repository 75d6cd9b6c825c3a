"""merge, reduce, extract and reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, HubUrl, Timeout, open_hub

Target = Annotated[str, typer.Argument(metavar="TARGET[@VERSION]", help="Where the draft goes.")]
Waiting = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the draft is there and looked at.")]
Visibility = Annotated[str | None, typer.Option(help="public or private, for a new adapter.")]
License = Annotated[str | None, typer.Option(help="SPDX; inherited when left out, where all parents agree.")]
Seed = Annotated[int | None, typer.Option(min=0, help="0 when left out.")]
Dtype = Annotated[str | None, typer.Option(help="float32, float16 or bfloat16.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(merge)
    app.command()(reduce)
    app.command()(extract)
    app.command()(reproduce)


def merge(
    target: Target,
    members: Annotated[list[str], typer.Argument(metavar="NAME[@VERSION][=WEIGHT]...", help="Weight 1 when left out.")],
    method: Annotated[str, typer.Option(help="cat, svd, linear, ties, dare_ties, knots, tsv_m, ...")] = "cat",
    density: Annotated[float | None, typer.Option(help="Share of entries that ties, dare and the like keep.")] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Of the result.")] = None,
    inner: Annotated[str | None, typer.Option(help="The rule inside knots and core_space.")] = None,
    heads: Annotated[str | None, typer.Option(metavar="NAME", help="The member whose heads are kept.")] = None,
    search: Annotated[
        str | None, typer.Option(metavar="SET", help="Search the weights on this evaluation set (LoraHub).")
    ] = None,
    search_rows: Annotated[int | None, typer.Option(min=10, help="Rows to search on; 100 when left out.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Tries of the search; 40 when left out.")] = None,
    compat: Annotated[str | None, typer.Option(help="peft: what PEFT's add_weighted_adapter gives.")] = None,
    seed: Seed = None,
    dtype: Dtype = None,
    visibility: Visibility = None,
    license: License = None,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Only look: norms, overlaps, sign conflicts.")] = False,
    is_waiting: Waiting = False,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Merge adapters. Example: hubclient merge team/both team/a=0.6 team/b=0.4 --method svd --rank 8 --wait"""
    named = [_weighted(member) for member in members]
    settings = {"density": density, "rank": rank, "inner": inner, "compat": compat, "seed": seed, "dtype": dtype}
    how: dict[str, Any] = {"method": method, "settings": settings, "heads": _member(named, heads)}
    with open_hub(url) as hub, output.progress("Merging", is_bytes=False, is_quiet=is_json) as call:
        if is_dry:
            seen = hub.preview_merge(
                named, timeout_seconds=timeout, on_progress=lambda share, label: call(share, 1.0, label), **how
            )
            output.emit_json(seen) if is_json else _show_preview(seen)
            return
        wanted = {"evaluation_set": search, "rows": search_rows, "budget": budget} if search else None
        made = hub.merge(target, named, search=wanted, visibility=visibility, license=license, **how)
        _finish(hub, made, call, is_waiting=is_waiting, timeout=timeout, is_json=is_json)


def reduce(
    target: Target,
    source: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="What is made smaller.")],
    rank: Annotated[int | None, typer.Option(min=1, help="Truncate to this rank.")] = None,
    energy: Annotated[float | None, typer.Option(help="Truncate to this share of the squared norm.")] = None,
    size_bytes: Annotated[int | None, typer.Option("--bytes", min=1, help="Truncate to so many bytes.")] = None,
    ranks: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN=RANK", help="A rank for the modules of a pattern; repeatable.")
    ] = None,
    shorten: Annotated[int | None, typer.Option(min=1, metavar="RANK", help="First components (DyLoRA).")] = None,
    density: Annotated[float | None, typer.Option(help="Prune to this share of the entries.")] = None,
    bits: Annotated[int | None, typer.Option(help="Quantise to 8, 4 or 1 bit.")] = None,
    is_packed: Annotated[
        bool, typer.Option("--packed", help="Pruned or quantised: the packed form beside it.")
    ] = False,
    seed: Seed = None,
    dtype: Dtype = None,
    visibility: Visibility = None,
    license: License = None,
    is_waiting: Waiting = False,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Make an adapter smaller. Example: hubclient reduce team/small team/sentiment@1.0.0 --rank 4 --wait"""
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "--rank": ("truncate", {"rank": rank}),
        "--energy": ("truncate", {"energy": energy}),
        "--bytes": ("truncate", {"size_bytes": size_bytes}),
        "--ranks": ("subrank", {"ranks": _patterns(ranks) if ranks else None}),
        "--shorten": ("shorten", {"rank": shorten}),
        "--density": ("prune", {"density": density, "seed": seed, "is_packed": is_packed or None}),
        "--bits": ("quantise", {"bits": bits, "is_packed": is_packed or None}),
    }
    given = [name for name, (_, options) in asked.items() if next(iter(options.values())) is not None]
    if len(given) != 1:
        raise UsageError(f"Say how in one way: {', '.join(asked)}.", field="rank", hint="For example --rank 4.")
    operation, options = asked[given[0]]
    with open_hub(url) as hub, output.progress("Reducing", is_bytes=False, is_quiet=is_json) as call:
        details = {"visibility": visibility, "license": license}
        made = hub.reduce(target, source, operation, settings={**options, "dtype": dtype}, **details)
        _finish(hub, made, call, is_waiting=is_waiting, timeout=timeout, is_json=is_json)


def extract(
    target: Target,
    base: Annotated[str, typer.Option(metavar="MODEL", help="The registered base model.")],
    tuned: Annotated[str, typer.Option(metavar="MODEL", help="The registered model that was tuned from it.")],
    rank: Annotated[int | None, typer.Option(min=1, help="16 when left out.")] = None,
    energy: Annotated[float | None, typer.Option(help="Fewer ranks where this share of the change is kept.")] = None,
    seed: Seed = None,
    dtype: Dtype = None,
    visibility: Visibility = None,
    license: License = None,
    is_waiting: Waiting = False,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Make a LoRA out of a checkpoint. Example: hubclient extract team/tuned --base org/model --tuned org/model-ft"""
    settings = {"rank": rank, "energy": energy, "seed": seed, "dtype": dtype}
    with open_hub(url) as hub, output.progress("Extracting", is_bytes=False, is_quiet=is_json) as call:
        made = hub.extract(target, base, tuned, settings=settings, visibility=visibility, license=license)
        _finish(hub, made, call, is_waiting=is_waiting, timeout=timeout, is_json=is_json)


def reproduce(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="What a merge, reduction or extraction made.")],
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Compute it again and compare digests; exit code 1 where they differ. Example: hubclient reproduce team/both"""
    with open_hub(url) as hub, output.progress("Computing again", is_bytes=False, is_quiet=is_json) as call:
        found = hub.reproduce(name, timeout_seconds=timeout, on_progress=lambda share, label: call(share, 1.0, label))
    if is_json:
        output.emit_json(found)
    else:
        rows = (
            (row["path"], "same" if row["is_same"] else "differs", row["now"] or "missing") for row in found["files"]
        )
        output.table(("file", "digest", "now"), rows)
        verdict = "The same, byte for byte." if found["is_same"] else _how_far(found)
        output.say(verdict)
    if not found["is_same"]:
        raise typer.Exit(1)


def _how_far(found: dict[str, Any]) -> str:
    largest = found["largest_difference"]
    far = "other tensors" if largest is None else f"largest difference {largest:.3g} of a tensor's largest entry"
    changed = ", ".join(found["changed"]) or "nothing that is recorded"
    return f"Not the same: {far}. Changed since then: {changed}."


def _finish(
    hub: Any, made: dict[str, Any], call: Any, *, is_waiting: bool, timeout: float | None, is_json: bool
) -> None:
    if is_waiting:
        made = hub.await_derivation(
            made, timeout_seconds=timeout, on_progress=lambda share, label: call(share, 1.0, label)
        )
    if is_json:
        output.emit_json(made)
    elif made["state"] == "made":
        _show_made(made)
    else:
        output.say(f"{made['adapter']}: {made['kind']} {made['state']}")
        output.say(f"job {made['job']}: follow it with hubclient jobs {made['job']} --wait")


def _show_made(made: dict[str, Any]) -> None:
    report = made["report"]
    name = f"{made['adapter']}@{made['version'] or str(made['commit_id'])[:12]}"
    error = report.get("relative_error")
    output.facts(
        {
            "draft": f"{name} ({made['revision_state']})",
            "from": ", ".join(_parent(parent) for parent in made["parents"]),
            "error": None if error is None else f"{error:.4g} of the update's norm",
            "size": output.readable_size(report.get("weights_bytes")),
            "search": _searched(report.get("search")),
        }
    )
    for row in report.get("heads") or []:
        output.say(f"heads: {row['modules']} of {row['adapter']} {row['fate']}")
    for note in report.get("notes") or []:
        output.note(note)


def _parent(parent: dict[str, Any]) -> str:
    name = f"{parent['adapter']}@{parent['version'] or parent['commit_id'][:12]}"
    return name if parent["weight"] is None else f"{name} x {parent['weight']:.4g}"


def _searched(search: dict[str, Any] | None) -> str | None:
    if not search:
        return None
    return (
        f"loss {search['loss_of_base']:.4g} -> {search['loss']:.4g} on {search['rows']} rows, {search['tried']} tries"
    )


def _show_preview(seen: dict[str, Any]) -> None:
    names = [row["name"] for row in seen["parents"]]
    output.table(("adapter", "norm"), ((row["name"], f"{row['norm']:.4g}") for row in seen["parents"]))
    pairs = [(i, j) for i in range(len(names)) for j in range(i)]
    rows = (
        (f"{names[j]} and {names[i]}", *(f"{seen[key][j][i]:.3f}" for key in ("cosines", "overlap_in", "overlap_out")))
        for i, j in pairs
    )
    output.table(("pair", "cosine", "inputs shared", "outputs shared"), rows)
    output.facts({"sign conflict": f"{seen['sign_conflict']:.3f} of the weighted magnitude"})
    for row in seen["heads"]:
        output.say(f"heads: {row['modules']} of {row['adapter']} {row['fate']}")
    for line in (*seen["refusals"], *seen["warnings"]):
        output.note(line)


def _weighted(text: str) -> tuple[str, float]:
    name, separator, weight = text.partition("=")
    try:
        return name, float(weight) if separator else 1.0
    except ValueError as error:
        raise UsageError(f"{weight!r} is no weight.", field="members", hint="Write team/a=0.5.") from error


def _member(named: Sequence[tuple[str, float]], heads: str | None) -> str | None:
    """The member that `heads` means, also without its version."""
    if heads is None:
        return None
    return next((name for name, _ in named if heads in (name, name.partition("@")[0])), heads)


def _patterns(given: Sequence[str]) -> dict[str, int]:
    found = {}
    for text in given:
        pattern, separator, rank = text.rpartition("=")
        if not separator or not rank.isdecimal():
            raise UsageError(f"{text!r} is no pattern with a rank.", field="ranks", hint="Write '*.layer.3.*=2'.")
        found[pattern] = int(rank)
    return found
