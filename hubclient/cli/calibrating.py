"""uncertainty."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import output
from .evaluating import SetName
from .options import AsJson, HubUrl, Timeout, open_hub


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(uncertainty)


def uncertainty(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="A LoRA with a head, or a language model's.")],
    evaluation_set: SetName,
    tolerance: Annotated[
        float | None, typer.Option(min=0, help="How much worse it may get on the anchor rows; 0.01 when left out.")
    ] = None,
    measure: Annotated[str | None, typer.Option(help="What gets worse: accuracy (usual) or nll.")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Sampled answers that are averaged; usually 10.")] = None,
    anchor_rows: Annotated[int | None, typer.Option(min=10, help="Rows to search on; usually 200.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows are measured.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="0 when left out.")] = None,
    is_waiting: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result.")] = False,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Find the noise that a LoRA bears. Example: hubclient uncertainty team/sentiment --set team/films --wait"""
    from .. import uncertainty as asking

    settings = {
        "tolerance": tolerance,
        "measure": measure,
        "samples": samples,
        "anchor_rows": anchor_rows,
        "limit": limit,
        "seed": seed,
    }
    with open_hub(url) as hub, output.progress("Searching", is_bytes=False, is_quiet=is_json or not is_waiting) as call:
        answer = asking.request(hub, name, evaluation_set, settings)
        if is_waiting:
            answer = asking.await_result(
                hub, answer, timeout_seconds=timeout, on_progress=lambda share, label: call(share, 1.0, label)
            )
    if is_json:
        output.emit_json(answer)
    else:
        _show(answer)


def _show(row: dict[str, Any]) -> None:
    where = (
        f"{row['adapter']}@{row['version'] or row['commit_id'][:12]} on {row['evaluation_set']}@{row['set_revision']}"
    )
    if row["state"] != "measured":
        output.say(f"{where}: {row['state']}")
        output.say(f"job {row['job']}: follow it with hubclient jobs {row['job']} --wait")
        return
    output.say(f"{where}: sigma {row['sigma']:.4g}")
    for name, label in (("accuracy", "accuracy"), ("ece", "calibration error"), ("nll", "mean loss")):
        output.say(f"  {label:<18} {row['before'][name]:.4g} -> {row['after'][name]:.4g}")
