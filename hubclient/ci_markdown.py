"""A report as Markdown for a pull request. Names and rows of others stay text, whatever they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .ci_report import Report
from .output import clean


def as_markdown(report: Report, hub_url: str, *, rows: int = 0) -> str:
    """The report as a comment for a pull request. Rows of the set come along only where asked: they may be private."""
    now, found = report.now, report.comparison
    metric = now["metric"].replace("_", " ")
    lines = [f"### {_code(report.name)} on {_code(report.on)}", ""]
    lines += [f"| | version | {_plain(metric)} | 95 % interval | bytes |", "|---|---|---:|---|---:|"]
    if found:
        side = found["a"]
        lines.append(_row("before", _side(side), side["score"], report.size_before))
    own = {"value": now["score"], "low": now["score_low"], "high": now["score_high"]}
    lines.append(_row("now", report.name, own, report.size_bytes))
    lines.append("")
    lines += _flips(found) if found else ["There is no published version to compare with."]
    lines += ["", *_verdict(report)]
    if found and rows:
        lines += _items(found, rows)
    lines += [
        "",
        f"Measured by [the hub]({hub_url}/evaluations/{now['id']}), answers `{now['predictions_digest'][:12]}`.",
    ]
    return "\n".join(lines) + "\n"


def _row(when: str, version: str, score: Mapping[str, Any], size: int | None) -> str:
    interval = f"{_number(score['low'])} to {_number(score['high'])}" if score.get("low") is not None else "–"
    shown = f"{size:,}" if size is not None else "–"
    return f"| {when} | {_code(version)} | **{_number(score['value'])}** | {interval} | {shown} |"


def _flips(found: Mapping[str, Any]) -> list[str]:
    worse, better = ("score fell", "score rose") if found["is_graded"] else ("right before, wrong now", "now right")
    gain, test = found["difference"], found["mcnemar"]
    name = "Sign test" if found["is_graded"] else "McNemar's test"
    lines = [
        f"- Negative flips: **{found['negative_flips']}** of {found['rows']} rows ({worse}); "
        f"positive flips: **{found['positive_flips']}** ({better})"
        + ("" if found["is_graded"] else f"; wrong both times with another answer: {found['inconsistent_wrong']}"),
        f"- Gain of a row: {gain['value']:+.3f}, 95 % interval {gain['low']:+.3f} to {gain['high']:+.3f}",
        f"- {name}: p = {test['p_value']:.3g} ({test['method']})"
        + ("" if test["p_value"] < 0.05 else ", which chance explains"),
    ]
    if found["other_settings"]:
        lines.append(f"- Not measured alike: {', '.join(found['other_settings'])} differ")
    return lines


def _verdict(report: Report) -> list[str]:
    gate = report.gate
    if gate.largest_drop is None and gate.most_flips is None:
        return ["No gate is set: nothing was required of this version."]
    if report.failures:
        return [f"**Gate: failed.** {'; '.join(report.failures)}."]
    return ["**Gate: passed.**"]


def _items(found: Mapping[str, Any], most: int) -> list[str]:
    if found["items"] is None:
        return ["", "The rows of this set are hidden."]
    lines = [
        "",
        "<details><summary>Rows that flipped</summary>",
        "",
        "| row | flip | before | now | content |",
        "|---:|---|---|---|---|",
    ]
    for item in found["items"][:most]:
        content = "; ".join(f"{name}: {value}" for name, value in item["content"].items())
        cells = (item["row"] + 1 if item["row"] >= 0 else "?", item["kind"], item["before"], item["now"], content)
        lines.append("| " + " | ".join(_plain(str(cell))[:300] for cell in cells) + " |")
    left = found["items_left_out"] + max(0, len(found["items"]) - most)
    return [*lines, "", "</details>", *([f"{left} more."] if left else [])]


def _side(side: Mapping[str, Any]) -> str:
    return f"{side['adapter']}@{side['version'] or str(side['commit_id'])[:12]}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def _code(text: str) -> str:
    """A name as code."""
    return "`" + clean(text).replace("`", "").replace("|", "").replace("\n", " ") + "`"


def _plain(text: str) -> str:
    """Text of others as text: no table cell, link, image, mention or HTML comes of it."""
    escaped = clean(text).replace("\n", " ").replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|`*_[]!#":
        escaped = escaped.replace(sign, "\\" + sign)
    return escaped.replace("@", "@\u200b")
