"""adapt and transfer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from ..names import AdapterName
from .options import AsJson, HubUrl, Timeout, open_hub

Target = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="What is made; the next free version without.")]
Rank = Annotated[int | None, typer.Option(min=1, help="Rank of the result; usually 8.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the rows; usually 4.")]
MostRows = Annotated[int | None, typer.Option("--limit", min=2, help="Train on so many rows, drawn by the seed.")]
Seed = Annotated[int | None, typer.Option(min=0, help="0 when left out.")]
Split = Annotated[str | None, typer.Option(help="The split that is learnt from; usually train.")]
Waiting = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result.")]
_SIDES = {
    "coefficients": "coefficients alone",
    "full_lora": "full LoRA",
    "base_alone": "base model alone",
    "teacher": "old adapter",
    "student": "new adapter",
    "student_base_alone": "new base alone",
}


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(adapt)
    app.command()(transfer)


def adapt(
    name: Target,
    members: Annotated[
        list[str] | None, typer.Option("--member", metavar="NAME", help="Whose directions; repeatable.")
    ] = None,
    family: Annotated[str | None, typer.Option(metavar="NAME", help="A family's members instead.")] = None,
    evaluation_set: Annotated[
        str | None, typer.Option("--set", metavar="NAME[@N]", help="Rows to learn (train) and to measure on (test).")
    ] = None,
    train: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rows of your own (text, label) instead, kept private.")
    ] = None,
    test: Annotated[Path | None, typer.Option(metavar="FILE", help="Rows of your own to measure on.")] = None,
    rank: Rank = None,
    components: Annotated[int | None, typer.Option(min=1, help="Directions of each side of a layer.")] = None,
    energy: Annotated[float | None, typer.Option(help="Or as many as explain this share; usually 0.9.")] = None,
    epochs: Epochs = None,
    limit: MostRows = None,
    seed: Seed = None,
    split: Split = None,
    is_waiting: Waiting = False,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Learn only coefficients on others' directions.
    Example: hubclient adapt team/new --member team/a --member team/b --set team/films --wait"""
    settings = {
        "rank": rank, "components": components, "energy": energy, "epochs": epochs, "limit": limit, "seed": seed,
        "split": split,
    }  # fmt: skip
    has_own = train is not None or test is not None
    if bool(evaluation_set) == has_own or (has_own and not (train and test)):
        raise UsageError("Give --set, or --train and --test.", field="set")
    with open_hub(url) as hub, output.progress("Training", is_bytes=False, is_quiet=is_json or not is_waiting) as call:
        if train and test:
            evaluation_set = hub.send_rows(_beside(name, "rows"), {"train": train, "test": test})
        answer = hub.adapt(
            name, evaluation_set or "", members=members or (), family=family or "", is_waiting=is_waiting,
            timeout_seconds=timeout, on_progress=lambda share, label: call(share, 1.0, label), **settings,
        )  # fmt: skip
    _show(answer, is_json=is_json)


def transfer(
    source: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The adapter that is asked.")],
    name: Target,
    base: Annotated[str, typer.Option("--base", metavar="ID[@REV]", help="The base model that it goes to.")],
    text_set: Annotated[str | None, typer.Option("--texts-of", metavar="NAME[@N]", help="A set with texts.")] = None,
    texts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Texts of your own instead (.txt, .jsonl, .csv), kept private.")
    ] = None,
    evaluation_set: Annotated[
        str | None, typer.Option("--set", metavar="NAME[@N]", help="Measure both sides on it.")
    ] = None,
    rank: Rank = None,
    targets: Annotated[list[str] | None, typer.Option("--target", help="Layers that learn; repeatable.")] = None,
    epochs: Epochs = None,
    limit: MostRows = None,
    seed: Seed = None,
    split: Split = None,
    is_waiting: Waiting = False,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Teach another base model what an adapter answers (experimental).
    Example: hubclient transfer team/mood team/mood-large --base org/large --texts-of team/films --wait"""
    if bool(text_set) == bool(texts):
        raise UsageError("Give --texts-of, or --texts.", field="texts")
    settings = {
        "rank": rank, "target_modules": targets or None, "epochs": epochs, "limit": limit, "seed": seed,
        "split": split or ("test" if texts else None),
    }  # fmt: skip
    with open_hub(url) as hub, output.progress("Training", is_bytes=False, is_quiet=is_json or not is_waiting) as call:
        if texts:
            text_set = hub.send_texts(_beside(name, "texts"), texts)
        answer = hub.transfer(
            source, name, base, text_set or "", evaluation_set=evaluation_set or "", is_waiting=is_waiting,
            timeout_seconds=timeout, on_progress=lambda share, label: call(share, 1.0, label), **settings,
        )  # fmt: skip
    _show(answer, is_json=is_json)


def _beside(name: str, what: str) -> str:
    """The name of a private set beside an adapter."""
    return f"{AdapterName.parse(name).full_name[:90]}-{what}"


def _show(made: dict[str, Any], *, is_json: bool) -> None:
    if is_json:
        output.emit_json(made)
        return
    where = f"{made['adapter']}@{made['version'] or 'next'}"
    if made["state"] != "made":
        output.say(f"{where}: {made['state']} (derivation {made['id']})")
        if made["job"]:
            output.say(f"job {made['job']}: follow it with hubclient jobs {made['job']} --wait")
        return
    report = made["report"]
    note = " (experimental)" if report.get("is_experimental") else ""
    output.say(f"{where}: {made['revision_state']}{note}, commit {str(made['commit_id'])[:12]}")
    rows = [
        (
            _SIDES.get(side["name"], side["name"]),
            _number(side["score"], ".4f"),
            _number(side["trained_parameters"], ","),
            _number(side["seconds"], ".1f"),
        )
        for side in report["sides"]
    ]
    output.table(("", str(report.get("metric") or "score"), "trained numbers", "seconds"), rows)
    if report.get("agreement") is not None:
        held_out = report["held_out_texts"]
        output.say(f"same answer as the old adapter: {report['agreement']:.1%} of {held_out} held-out texts")


def _number(value: Any, how: str) -> str:
    return "-" if value is None else format(value, how)
