"""eval, compare and ci-report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output
from ..errors import UsageError
from .options import AsJson, HubUrl, Timeout, open_hub
from .side_by_side import show_side_by_side

SetName = Annotated[str, typer.Option("--set", metavar="NAME[@N]", help="The evaluation set, or one revision of it.")]
_SHOWN_ITEMS = 20


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command("eval")(evaluate)
    app.command()(compare)
    app.command("ci-report")(ci_report)


def evaluate(
    names: Annotated[list[str], typer.Argument(metavar="NAME[@VERSION]...", help="One adapter or several.")],
    evaluation_set: SetName,
    with_probe: Annotated[bool, typer.Option("--probe", help="Train a linear probe where there is no head.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many rows, drawn by the seed; on no board.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="0 when left out.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Longest input; the model's limit when left out.")
    ] = None,
    has_analysis: Annotated[
        bool, typer.Option("--analysis", help="Also what each layer changes and is worth.")
    ] = False,
    companion: Annotated[
        str | None, typer.Option("--with", metavar="NAME", help="A second LoRA that acts too, such as a language's.")
    ] = None,
    is_waiting: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the scores.")] = False,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Measure adapters on a set. Example: hubclient eval team/sentiment@1.0.0 --set team/films --wait"""
    from .. import evaluations

    settings = {
        "with_probe": with_probe or None, "limit": limit, "seed": seed, "max_tokens": max_tokens,
        "analysis": has_analysis or None,
    }  # fmt: skip
    with open_hub(url) as hub, output.progress("Measuring", is_bytes=False, is_quiet=is_json or not is_waiting) as call:
        answer = evaluations.request(hub, names, evaluation_set, settings, companion)
        if is_waiting:
            answer["evaluations"] = evaluations.await_all(
                hub, answer, timeout_seconds=timeout, on_progress=lambda share, label: call(share, 1.0, label)
            )
    if is_json:
        output.emit_json(answer)
    else:
        _show_evaluations(answer, is_waiting=is_waiting)
    if any(row["state"] == "failed" and row["adapter"] for row in answer["evaluations"]):
        raise typer.Exit(1)


def _show_evaluations(answer: dict[str, Any], *, is_waiting: bool) -> None:
    for row in answer["evaluations"]:
        on = f"{row['evaluation_set']}@{row['set_revision']}"
        if row["state"] == "measured":
            output.say(f"{_subject(row)} on {on}: {row['metric']} {_score(row)}")
        elif row["state"] == "failed":
            error = row.get("error") or {}
            output.note(f"{_subject(row)} on {on}: {error.get('code')}: {error.get('detail')}")
            if error.get("hint"):
                output.note(f"  hint      {error['hint']}")
        else:
            output.say(f"{_subject(row)} on {on}: {row['state']}")
    for job in answer["jobs"]:
        if not is_waiting:
            output.say(f"job {job['id']}: follow it with hubclient jobs {job['id']} --wait")


def _subject(row: dict[str, Any]) -> str:
    if row["adapter"] is None:
        return f"{row['base_model']['id']} alone"
    companion = f" with {row['companion']}" if row.get("companion") else ""
    return f"{row['adapter']}@{row['version'] or str(row['commit_id'])[:12]}{companion}"


def _score(row: dict[str, Any]) -> str:
    interval = f" ({row['score_low']:.4g} to {row['score_high']:.4g})" if row["score_low"] is not None else ""
    return f"{row['score']:.4g}{interval}"


def compare(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME[@VERSION]...", help="Two to six; with --set two: before and now.")
    ],
    evaluation_set: Annotated[
        str | None, typer.Option("--set", metavar="NAME[@N]", help="Say which rows of this set flipped between two.")
    ] = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Put adapters side by side; with --set, say what flipped. Example: hubclient compare team/a team/b team/c"""
    if evaluation_set is not None and len(names) != 2:
        hint = "Name the one before, then the one now."
        raise UsageError(f"{len(names)} adapters were named; on a set two compare", hint=hint)
    with open_hub(url) as hub:
        found = hub.side_by_side(*names) if evaluation_set is None else hub.compare(names[0], names[1], evaluation_set)
    if is_json:
        output.emit_json(found)
    elif evaluation_set is None:
        show_side_by_side(found)
    else:
        _show_flips(found)


def _show_flips(found: dict[str, Any]) -> None:
    gain, test = found["difference"], found["mcnemar"]
    output.facts(
        {
            "set": f"{found['set']['name']}@{found['set']['revision']}, {found['rows']} rows",
            "before": f"{_side(found['a'])}  {found['set']['metric']} {_interval(found['a']['score'])}",
            "now": f"{_side(found['b'])}  {found['set']['metric']} {_interval(found['b']['score'])}",
            "negative": f"{found['negative_flips']} rows {'fell' if found['is_graded'] else 'right before, wrong now'}",
            "positive": f"{found['positive_flips']} rows {'rose' if found['is_graded'] else 'wrong before, right now'}",
            "inconsistent": None if found["is_graded"] else f"{found['inconsistent_wrong']} rows wrong in two ways",
            "gain": f"{gain['value']:+.4g} a row ({gain['low']:+.4g} to {gain['high']:+.4g})",
            "p": f"{test['p_value']:.3g} ({test['method']})",
            "not alike": ", ".join(found["other_settings"]),
        }
    )
    _show_items(found)


def _show_items(found: dict[str, Any]) -> None:
    if found["items"] is None:
        output.note("the rows of this set are hidden")
        return
    shown = found["items"][:_SHOWN_ITEMS]
    rows = ((_place(row), row["kind"], row["before"], row["now"], _content(row["content"])) for row in shown)
    output.table(("row", "flip", "before", "now", "content"), rows)
    left = found["items_left_out"] + len(found["items"]) - len(shown)
    if left:
        output.note(f"{left} more")


def _place(item: dict[str, Any]) -> str:
    return str(item["row"] + 1) if item["row"] >= 0 else "?"


def _content(content: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in content.items())[:200]


def _side(side: dict[str, Any]) -> str:
    if side["adapter"] is None:
        return f"{side['base_model']['id']} alone"
    return f"{side['adapter']}@{side['version'] or str(side['commit_id'])[:12]}"


def _interval(score: dict[str, Any]) -> str:
    ends = f" ({score['low']:.4g} to {score['high']:.4g})" if score["low"] is not None else ""
    return f"{score['value']:.4g}{ends}"


def ci_report(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The new version; the newest when left out.")],
    evaluation_set: SetName,
    against: Annotated[str | None, typer.Option(metavar="VERSION", help="The published one when left out.")] = None,
    largest_drop: Annotated[
        float | None, typer.Option(min=0, help="Fail when the score is more than this worse.")
    ] = None,
    most_flips: Annotated[
        float | None, typer.Option(min=0, max=1, help="Fail when a larger share of the rows turned wrong.")
    ] = None,
    rows: Annotated[
        int, typer.Option(min=0, max=100, help="So many flipped rows into the report; they may be private.")
    ] = 0,
    badge: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Write the hub's badge here.")] = None,
    timeout: Timeout = None,
    url: HubUrl = None,
    is_json: AsJson = False,
) -> None:
    """Write Markdown for a pull request; exit code 1 when the gate fails.
    Example: hubclient ci-report team/sentiment --set team/films --largest-drop 0.01 > report.md"""
    from ..ci_markdown import as_markdown
    from ..ci_report import Gate, make_report

    if badge is not None and badge.suffix != ".svg":
        raise UsageError(f"{badge} should end with .svg.", field="badge")
    gate = Gate(largest_drop, most_flips) if largest_drop is not None or most_flips is not None else None
    with open_hub(url) as hub, output.progress("Measuring", is_bytes=False, is_quiet=is_json) as call:
        report = make_report(
            hub, name, evaluation_set, against=against, gate=gate, timeout_seconds=timeout,
            on_progress=lambda share, label: call(share, 1.0, label),
        )  # fmt: skip
        if badge is not None:
            badge.write_text(hub.badge(report.reference, report.on), encoding="utf-8")
        markdown = as_markdown(report, hub.url, rows=rows)
    if is_json:
        output.emit_json(report.as_dict() | {"markdown": markdown})
    else:
        output.say(*markdown.splitlines())
    if not report.has_passed:
        raise typer.Exit(1)
