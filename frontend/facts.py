"""Facts, claims and findings of a revision as rows for display, each with its source."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalog.adapters.models import Revision

# Key in ``Revision.facts`` and its title, in the order of the page.
_FACTS = (
    ("format", _("Format")),
    ("method_name", _("Method")),
    ("options", _("Variants")),
    ("rank", _("Rank")),
    ("ranks", _("Ranks")),
    ("alpha", _("Alpha")),
    ("scaling", _("Scaling")),
    ("target_modules", _("Target modules")),
    ("modules", _("Modules")),
    ("layers", _("Layers")),
    ("task_type", _("Task type")),
    ("dtypes", _("Number types")),
    ("parameters", _("Parameters")),
    ("heads", _("Heads")),
    ("head_parameters", _("Head parameters")),
    ("saved_parameters", _("Other saved parameters")),
    ("peft_version", _("Saved by PEFT")),
)
_CLAIMS = (
    ("summary", _("Summary")),
    ("base", _("Base model")),
    ("task", _("Task")),
    ("languages", _("Languages")),
    ("license", _("Licence")),
    ("tags", _("Tags")),
    ("training_data", _("Training data")),
    ("citation", _("Citation")),
)
FACT_TITLES = dict(_FACTS)
_SEVERITIES = ("error", "warning", "info")
_LISTED = 12


@dataclass(frozen=True)
class Row:
    """One named value, and where it comes from."""

    title: str
    value: str
    source: str = ""


@dataclass(frozen=True)
class Fit:
    """Whether the files fit the base model: a word, its tone, and what it rests on."""

    word: str
    tone: str
    reason: str


@dataclass(frozen=True)
class FindingLine:
    """One line of the validation report."""

    severity: str
    code: str
    message: str
    hint: str
    tensor: str
    expected: str
    received: str


@dataclass(frozen=True)
class Disagreement:
    """One matter about which two sources say different things."""

    title: str
    claimed: str
    source: str
    found: str


@dataclass(frozen=True)
class Change:
    """One fact in two revisions."""

    title: str
    before: str
    after: str

    @property
    def is_different(self) -> bool:
        """Whether the two differ."""
        return self.before != self.after


def fact_rows(facts: Mapping[str, Any]) -> list[Row]:
    """What the files say; empty facts are left out."""
    rows = [Row(str(title), fact_text(key, facts.get(key)), gettext("from the file")) for key, title in _FACTS]
    return [row for row in rows if row.value and row.value != "0"]


def claim_rows(revision: Revision) -> list[Row]:
    """What the uploader says, then what only the card's front matter says; its scores stand apart (``claims_of``)."""
    claims = revision.claims if isinstance(revision.claims, dict) else {}
    rows = [Row(str(title), as_text(claims.get(key)), gettext("at push")) for key, title in _CLAIMS]
    card = claims.get("card")
    if isinstance(card, dict):
        said = [(key, value) for key, value in card.items() if key != "model-index"]
        rows += [Row(str(key)[:60], as_text(value), gettext("in the card")) for key, value in said[:40]]
    return [row for row in rows if row.value]


def fit_of(revision: Revision) -> Fit:
    """Whether the base model was confirmed by shapes, contradicted, or not checked."""
    base = revision.facts.get("base") or {} if isinstance(revision.facts, dict) else {}
    checked = base.get("checked_tensors")
    if base.get("confirmed") is True:
        number = checked if isinstance(checked, int) else 0
        text = ngettext(
            "%(number)s tensor checked against its shapes, from the file",
            "%(number)s tensors checked against its shapes, from the file",
            number,
        )
        every = gettext("every tensor checked against its shapes, from the file")
        return Fit(gettext("fits"), "good", text % {"number": f"{number:,}"} if number else every)
    if base.get("confirmed") is False:
        return Fit(gettext("does not fit"), "bad", gettext("the shapes of the file are not those of this model"))
    if base.get("declared"):
        return Fit(gettext("not checked"), "warn", _declared(str(base.get("declared_from"))))
    return Fit(gettext("unknown"), "warn", gettext("no base model is declared"))


def _declared(source: str) -> str:
    """Who says for which base model it is."""
    said = {
        "option": gettext("declared at push, shapes not compared"),
        "config": gettext("declared in the config, shapes not compared"),
        "card": gettext("declared in the card, shapes not compared"),
    }
    return said.get(source, gettext("declared, shapes not compared"))


def finding_lines(report: Mapping[str, Any]) -> list[FindingLine]:
    """The findings, errors first."""
    lines = [
        FindingLine(
            severity=str(row.get("severity") or "info"),
            code=as_text(row.get("code")),
            message=as_text(row.get("message") or row.get("detail")),
            hint=as_text(row.get("hint")),
            tensor=as_text(row.get("tensor") or row.get("file")),
            expected=as_text(row.get("expected")),
            received=as_text(row.get("received")),
        )
        for row in _rows(report.get("findings"))
    ]
    return sorted(lines, key=lambda line: _SEVERITIES.index(line.severity) if line.severity in _SEVERITIES else 3)


def disagreements(report: Mapping[str, Any]) -> list[Disagreement]:
    """Where the config, the card or the uploader says something else than the file: both sides."""
    return [
        Disagreement(
            title=as_text(row.get("fact")).replace("_", " "),
            claimed=as_text(row.get("claimed")),
            source=as_text(row.get("source")),
            found=as_text(row.get("from_file")),
        )
        for row in _rows(report.get("disagreements"))
    ]


def changes(before: Revision, after: Revision) -> list[Change]:
    """Every shown fact of two revisions side by side, with size and base model."""
    old, new = _comparable(before), _comparable(after)
    return [Change(title, old.get(title, "–"), new.get(title, "–")) for title in dict.fromkeys([*old, *new])]


def as_text(value: Any) -> str:
    """A JSON value as a person reads it: lists with commas, tables as name and value, nothing for None."""
    if value is None or value == "" or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, int) and abs(value) >= 10_000:
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        shown = ", ".join(str(item) for item in value[:_LISTED])
        return f"{shown} and {len(value) - _LISTED} more" if len(value) > _LISTED else shown
    if isinstance(value, dict) and all(isinstance(item, str | int | float) for item in value.values()):
        shown = ", ".join(f"{name} {as_text(item)}" for name, item in list(value.items())[:_LISTED])
        return f"{shown} and {len(value) - _LISTED} more" if len(value) > _LISTED else shown
    return value[:2000] if isinstance(value, str) else json.dumps(value, ensure_ascii=False)[:600]


def fact_text(key: str, value: Any) -> str:
    """A fact as a person reads it."""
    if key == "ranks":
        is_mixed = isinstance(value, dict) and len(value) > 1
        return ", ".join(f"{rank} in {count} modules" for rank, count in value.items()) if is_mixed else ""
    if key == "heads" and isinstance(value, list):
        return as_text([_head(head) for head in value if isinstance(head, dict)])
    if key == "layers" and isinstance(value, list) and len(value) > 2 and all(isinstance(item, int) for item in value):
        low, high = min(value), max(value)
        if sorted(value) == list(range(low, high + 1)):
            return f"{low} to {high}, all {len(value)}"
    return as_text(value)


def _head(head: Mapping[str, Any]) -> str:
    shapes = head.get("tensors") or {}
    largest: list[int] = max(shapes.values(), key=len, default=[]) if isinstance(shapes, dict) else []
    return f"{head.get('module')} ({' × '.join(str(size) for size in largest)})" if largest else str(head.get("module"))


def _comparable(revision: Revision) -> dict[str, str]:
    rows = {row.title: row.value for row in fact_rows(revision.facts)}
    rows[gettext("Base model")] = str(revision.base_model or "")
    rows[gettext("Size in bytes")] = f"{revision.size_bytes:,}"
    rows[gettext("Licence")] = revision.license
    return {title: value for title, value in rows.items() if value}


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
