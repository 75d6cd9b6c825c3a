"""How the pages write sizes, numbers, ages and addresses."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext_lazy

from catalog.adapters.models import Revision
from catalog.evaluations.models import Evaluation
from catalog.reviews.queue import MOST_TOLD, waiting_for
from catalog.search.listed import Listed
from catalog.search.models import SearchEntry

register = template.Library()

_MOST_LETTERS = 600
_AGES = (
    (31_536_000, ngettext_lazy("%d year ago", "%d years ago")),
    (2_592_000, ngettext_lazy("%d month ago", "%d months ago")),
    (86_400, ngettext_lazy("%d day ago", "%d days ago")),
    (3_600, ngettext_lazy("%d hour ago", "%d hours ago")),
    (60, ngettext_lazy("%d minute ago", "%d minutes ago")),
)


@register.filter
def size(value: Any) -> str:
    """Bytes for a person: ``1.4 MB``."""
    amount = float(value or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


@register.filter
def count(value: Any) -> str:
    """A whole number with thousands apart."""
    return f"{int(value):,}" if value is not None and value != "" else ""


@register.filter
def age(moment: datetime | None) -> str:
    """How long ago, in one unit: ``3 days ago``."""
    if moment is None:
        return ""
    seconds = (timezone.now() - moment).total_seconds()
    for length, text in _AGES:
        if seconds >= length:
            return str(text % int(seconds // length))
    return gettext("just now")


@register.filter
def digest(value: str) -> str:
    """The first twelve characters of a digest."""
    return str(value)[:12]


@register.filter
def words(padded: str) -> str:
    """``" de fr "`` as ``de, fr``."""
    return ", ".join(str(padded).split())


@register.filter
def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}"


@register.filter
def score(value: float | None) -> str:
    """A score with three decimals, or four digits where it is no share."""
    if not isinstance(value, int | float):
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


@register.filter
def signed(value: float | None) -> str:
    """A difference with its sign."""
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


@register.filter
def lost(value: float | None) -> str:
    """What was lost; nothing where it grew."""
    return f"{max(0.0, value):.3f}" if isinstance(value, int | float) else "–"


@register.filter
def percent(value: float | None) -> str:
    """A share as a whole percentage with its sign."""
    return "–" if value is None else f"{value:+.0%}".replace("-", "−")


@register.filter
def p_value(value: float) -> str:
    """A probability; very small ones as a bound."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


@register.filter
def share(value: float | None) -> str:
    """A share: ``1.2 %``."""
    return f"{value * 100:.1f} %" if isinstance(value, int | float) else "–"


@register.filter
def digits(value: float | None) -> str:
    """Three significant digits, a dash where nothing was measured."""
    return f"{value:#.3g}".rstrip(".") if isinstance(value, int | float) else "–"


@register.filter
def underscored(value: str) -> str:
    """``token_classification`` as ``token classification``."""
    return str(value).replace("_", " ")


@register.filter
def answer(value: Any) -> str:
    """An answer or a row's value, as text of a bounded length."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST_LETTERS else text[:_MOST_LETTERS] + "…"


@register.filter
def side_name(evaluation: Evaluation) -> str:
    """Whose score it is: ``org/name@1.0.0``, or the base model alone."""
    if evaluation.revision is None:
        return f"{evaluation.base_model} alone"
    companion = f" with {evaluation.companion.adapter.full_name}" if evaluation.companion is not None else ""
    return f"{evaluation.revision.adapter.full_name}@{version_name(evaluation.revision)}{companion}"


@register.filter
def side_reference(evaluation: Evaluation) -> str:
    """How a comparison names it."""
    revision = evaluation.revision
    if revision is None or evaluation.companion_id is not None:
        return str(evaluation.pk)
    return (
        f"{revision.adapter.full_name}@{revision.version.name if hasattr(revision, 'version') else revision.commit_id}"
    )


@register.filter
def version_name(revision: Revision) -> str:
    """The version of a revision, or the start of its commit id where it has none."""
    return revision.version.name if hasattr(revision, "version") else revision.commit_id[:12]


@register.filter
def revision_url(revision: Revision) -> str:
    """The page of one revision of an adapter."""
    ref = revision.version.name if hasattr(revision, "version") else revision.commit_id
    return reverse("adapter-version", args=[revision.adapter.namespace.name, revision.adapter.name, ref])


@register.filter
def entry_url(entry: SearchEntry | Listed) -> str:
    """The page of a search entry's adapter, or of its record."""
    if entry.adapter_id is None:
        return reverse("record", args=entry.full_name.split("/", 1))
    return reverse("adapter", args=entry.full_name.split("/", 1))


@register.filter
def review_url(revision: Revision) -> str:
    """The review of one revision."""
    return reverse("review", args=[revision.adapter.namespace.name, revision.adapter.name, revision.commit_id])


@register.simple_tag
def file_url(revision: Revision, ref: str, path: str) -> str:
    """Where the API serves one file of a revision."""
    return f"/api/v1/adapters/{revision.adapter.full_name}/files/{quote(ref)}/{quote(path)}"


@register.simple_tag(takes_context=True)
def waiting_count(context: dict[str, Any]) -> str:
    """How many revisions wait for the viewer, for his decision or for his next push; empty for none."""
    request = context.get("request")
    user = getattr(request, "user", None)
    found = waiting_for(user) if user is not None else 0
    return f"{MOST_TOLD - 1}+" if found >= MOST_TOLD else str(found or "")
