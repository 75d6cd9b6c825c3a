"""What a training compared, as lines for a page: each side's score, trained numbers and time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.derivations.models import DerivationKind
from catalog.derivations.queries import derivation_of, told_to

_TITLES = {
    "coefficients": "Coefficients alone (this adapter)",
    "full_lora": "Full LoRA of the same rank",
    "base_alone": "Base model alone",
    "teacher": "The adapter on its own base model",
    "student": "This adapter",
    "student_base_alone": "Its base model alone",
}
_TRAINED = (DerivationKind.ADAPT, DerivationKind.TRANSFER)


@dataclass(frozen=True)
class SideLine:
    """One side of a comparison. ``parameters`` is None for what was not trained here."""

    title: str
    score: float | None
    low: float | None
    high: float | None
    parameters: int | None
    head_parameters: int | None
    seconds: float | None


@dataclass(frozen=True)
class Training:
    """How an adapter was trained here, and what stands beside it."""

    is_experimental: bool
    metric: str
    on: str
    lines: list[SideLine]
    facts: list[tuple[str, str]] = field(default_factory=list)


def training_of(viewer: Actor, revision: Revision) -> Training | None:
    """The training that made ``revision``, as far as ``viewer`` may know; None for what was made otherwise."""
    made = derivation_of(revision)
    if made is None or made.kind not in _TRAINED:
        return None
    recipe, report = told_to(viewer, made.recipe), made.report
    return Training(
        is_experimental=made.kind == DerivationKind.TRANSFER,
        metric=str(report.get("metric") or "score"),
        on=str(recipe.get("evaluation_set") or ("a private set" if report.get("metric") else "")),
        lines=[_line(side) for side in report.get("sides", [])],
        facts=_facts(made.kind, recipe, report),
    )


def _line(side: dict[str, Any]) -> SideLine:
    return SideLine(
        title=_TITLES.get(side["name"], str(side["name"])),
        score=side.get("score"),
        low=side.get("low"),
        high=side.get("high"),
        parameters=side.get("trained_parameters") or None,
        head_parameters=side.get("head_parameters"),
        seconds=side.get("seconds"),
    )


def _facts(kind: str, recipe: dict[str, Any], report: dict[str, Any]) -> list[tuple[str, str]]:
    if kind == DerivationKind.ADAPT:
        subspace = report.get("subspace", {})
        count = subspace.get("members", 0)
        adapters = f"{count} adapter{'' if count == 1 else 's'}"
        said = [
            ("Directions from", recipe.get("basis") or recipe.get("family") or adapters),
            ("Layers", subspace.get("modules")),
            ("Directions a side, on average", subspace.get("mean_components")),
            ("Trained on", f"{report.get('train_rows'):,} rows of the split {recipe.get('split')}"),
            ("Rank", recipe.get("rank")),
        ]
    else:
        said = [
            ("From", recipe.get("old_base_model")),
            ("To", recipe.get("base_model")),
            ("Texts", f"{report.get('texts'):,} of {recipe.get('text_set') or 'a private set'}"),
            ("Same answers", f"{report.get('agreement', 0):.1%} of {report.get('held_out_texts'):,} held-out texts"),
            ("With a linear head alone", f"{report.get('agreement_before', 0):.1%}"),
            ("Rank", recipe.get("rank")),
        ]
    return [(name, str(value)) for name, value in said if value not in (None, "")]
