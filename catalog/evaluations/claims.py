"""Scores that the author claims: the card's front matter ``model-index``, typed and bounded.

A claim is shown beside measurements and is none: nobody here ran it, and it decides nothing.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from catalog.adapters.models import Revision

MOST_CLAIMS = 100
_LONGEST = 200


@dataclass(frozen=True)
class Claim:
    """One score as the card says it; what the card leaves out is empty."""

    task: str
    dataset: str
    config: str
    split: str
    metric: str
    name: str
    value: float
    source: str
    """Where the author says it comes from: a web address, or a name."""


def claims_of(revision: Revision) -> list[Claim]:
    """At most ``MOST_CLAIMS`` claims of a revision's card, in its order; what is not a number is left out."""
    card = revision.claims.get("card") if isinstance(revision.claims, dict) else None
    index = card.get("model-index") if isinstance(card, dict) else None
    found: list[Claim] = []
    for model in _list(index):
        for result in _list(_dict(model).get("results")):
            found += _of_result(_dict(result))
            if len(found) >= MOST_CLAIMS:
                return found[:MOST_CLAIMS]
    return found


def _of_result(result: dict[str, Any]) -> list[Claim]:
    task, dataset, source = (_dict(result.get(name)) for name in ("task", "dataset", "source"))
    claims = []
    for given in _list(result.get("metrics")):
        metric = _dict(given)
        value = _number(metric.get("value"))
        kind = _text(metric.get("type"))
        if value is None or not (kind or metric.get("name")):
            continue
        claims.append(
            Claim(
                task=_text(task.get("type")) or _text(task.get("name")),
                dataset=_text(dataset.get("name")) or _text(dataset.get("type")),
                config=_text(dataset.get("config")),
                split=_text(dataset.get("split")),
                metric=kind or _text(metric.get("name")),
                name=_text(metric.get("name")) or kind,
                value=value,
                source=_address(source.get("url")) or _text(source.get("name")),
            )
        )
    return claims


def _list(value: Any) -> list[Any]:
    return value[:MOST_CLAIMS] if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return " ".join(value.split())[:_LONGEST] if isinstance(value, str) else ""


def _address(value: Any) -> str:
    """A link that a page may show: only to the web, never a script."""
    text = _text(value)
    return text if text.startswith(("https://", "http://")) and " " not in text else ""


def _number(value: Any) -> float | None:
    """A finite number, also one that the card wrote as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if isfinite(number) and abs(number) < 1e12 else None
