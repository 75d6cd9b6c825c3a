"""Copies and similar adapters as lines for display."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.accounts.querysets import Actor
from catalog.adapters.models import Revision
from catalog.errors import NotFound
from catalog.similarity.models import Fingerprint
from catalog.similarity.near import Copies, Near, copies_of, fingerprint_of
from frontend.facts import Row

_WORDS = {
    "same_tensors": (_("same tensors"), "bad"),
    "copy": (_("copy"), "bad"),
    "near_duplicate": (_("near duplicate"), "warn"),
    "similar": (_("similar"), ""),
}
_RELATIONS = {"parent": _("this one was computed from it here"), "child": _("it was computed from this one here")}
_EQUAL_STRENGTH = 0.05


@dataclass(frozen=True)
class NearLine:
    """Another revision, in a word, with the number it rests on and what else is to be known."""

    revision: Revision
    word: str
    tone: str
    cosine: str
    initial_a: str
    notes: list[str]


def near_lines(rows: list[Near], revision: Revision) -> list[NearLine]:
    """What is near ``revision``, in the order given."""
    return [_line(row, revision) for row in rows]


def review_nearness(viewer: Actor, revision: Revision) -> dict[str, Any]:
    """What a reviewer sees: copies and near duplicates; ``copies_skipped`` says why nothing could be compared."""
    try:
        found = copies_of(viewer, revision)
        skipped = fingerprint_of(revision).skipped
        why = {"why": skipped["detail"]} if skipped else {}
    except NotFound:
        return {"copies": [], "has_hidden_copy": False, "copies_skipped": gettext("Not compared yet.")}
    return {
        "copies": near_lines(found.found, revision),
        "has_hidden_copy": found.has_hidden,
        "copies_skipped": gettext("Only equal tensors could be looked for: %(why)s") % why if why else "",
        "is_copy_alarming": _is_alarming(found),
    }


def factor_rows(fingerprint: Fingerprint) -> list[Row]:
    """A and B apart, in the median over modules, as the file keeps them; empty where there are no pairs."""
    factors = fingerprint.factors
    if not factors:
        return []
    a = {
        "norm": f"{factors['a_norm']:.3g}",
        "start": f"{factors['a_start_ratio']:.2f}",
        "rank": f"{factors['a_rank']:.1f}",
    }
    b = {"norm": f"{factors['b_norm']:.3g}", "rank": f"{factors['b_rank']:.1f}"}
    of_a = gettext("norm %(norm)s, %(start)s times that of a random start of PEFT; effective rank %(rank)s")
    of_b = gettext("norm %(norm)s; effective rank %(rank)s")
    return [Row(gettext("A alone"), of_a % a), Row(gettext("B alone"), of_b % b)]


def _is_alarming(found: Copies) -> bool:
    is_strange = any(row.likeness in ("same_tensors", "copy") and not row.relation for row in found.found)
    return found.has_hidden or is_strange


def _line(row: Near, revision: Revision) -> NearLine:
    word, tone = _WORDS[row.likeness]
    return NearLine(row.revision, str(word), tone, _cosine(row), f"{row.initial_a:.2f}", _notes(row, revision))


def _cosine(row: Near) -> str:
    if row.cosine is None or row.standard_error is None:
        return ""
    places = 4 if row.cosine >= 0.9 else 2
    error = f"{row.standard_error:.{places}f}"
    known = f"{row.cosine:.{places}f}".replace("-", "−")
    return f"{known} ± {error}" if float(error) else known


def _notes(row: Near, revision: Revision) -> list[str]:
    is_older = row.revision.pk < revision.pk
    notes = [gettext("pushed before this one") if is_older else gettext("pushed after this one")]
    if row.relation:
        notes.append(str(_RELATIONS[row.relation]))
    if row.cosine is not None and row.likeness != "similar" and abs(row.norm_ratio - 1.0) > _EQUAL_STRENGTH:
        notes.append(gettext("%(number)s times as strong") % {"number": f"{row.norm_ratio:.3g}"})
    if row.revision.base_model_id != revision.base_model_id:
        notes.append(gettext("for %(base)s") % {"base": row.revision.base_model})
    if row.revision.state not in ("published", "pending"):
        notes.append(row.revision.state)
    return notes
