"""What a training compared, as lines for a page: each side's score, trained numbers and time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.derivations.models import DerivationKind
from catalog.derivations.queries import derivation_of, told_to

_TITLES = {
    "coefficients": _("Coefficients alone (this adapter)"),
    "full_lora": _("Full LoRA of the same rank"),
    "base_alone": _("Base model alone"),
    "teacher": _("The adapter on its own base model"),
    "student": _("This adapter"),
    "student_base_alone": _("Its base model alone"),
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
        on=str(recipe.get("evaluation_set") or (gettext("a private set") if report.get("metric") else "")),
        lines=[_line(side) for side in report.get("sides", [])],
        facts=_facts(made.kind, recipe, report),
    )


def _line(side: dict[str, Any]) -> SideLine:
    return SideLine(
        title=str(_TITLES.get(side["name"], side["name"])),
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
        adapters = ngettext("%(number)d adapter", "%(number)d adapters", count) % {"number": count}
        split = {"number": f"{report.get('train_rows'):,}", "split": recipe.get("split")}
        rows = gettext("%(number)s rows of the split %(split)s") % split
        said = [
            (gettext("Directions from"), recipe.get("basis") or recipe.get("family") or adapters),
            (gettext("Layers"), subspace.get("modules")),
            (gettext("Directions a side, on average"), subspace.get("mean_components")),
            (gettext("Trained on"), rows),
            (gettext("Rank"), recipe.get("rank")),
        ]
    else:
        texts = {"number": f"{report.get('texts'):,}", "set": recipe.get("text_set") or gettext("a private set")}
        same = {"share": f"{report.get('agreement', 0):.1%}", "number": f"{report.get('held_out_texts'):,}"}
        said = [
            (gettext("From"), recipe.get("old_base_model")),
            (gettext("To"), recipe.get("base_model")),
            (gettext("Texts"), gettext("%(number)s of %(set)s") % texts),
            (gettext("Same answers"), gettext("%(share)s of %(number)s held-out texts") % same),
            (gettext("With a linear head alone"), f"{report.get('agreement_before', 0):.1%}"),
            (gettext("Rank"), recipe.get("rank")),
        ]
    return [(name, str(value)) for name, value in said if value not in (None, "")]
