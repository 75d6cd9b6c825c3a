"""What was measured of a revision, as a few lines for display."""

from collections.abc import Callable
from statistics import median
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from catalog.adapters.models import Revision
from catalog.evidence.models import Evidence
from frontend.facts import Row

_STATISTICS = (
    ("top_share", _("Share of the first direction"), "{:.0%}"),
    ("entropy", _("Spread over directions"), "{:.2f}"),
    ("kurtosis", _("Kurtosis of entries"), "{:.1f}"),
)
_LISTED = 3


def evidence_rows(revision: Revision) -> list[Row]:
    """Medians, extremes and what is unusual among peers; one row that says why where nothing was measured."""
    evidence = Evidence.objects.filter(revision_id=revision.pk).first()
    if evidence is None:
        return []
    if evidence.skipped:
        return [Row(gettext("Not measured"), str(evidence.skipped.get("detail") or evidence.skipped.get("code")))]
    modules = evidence.statistics
    device = gettext("on a CUDA device") if evidence.device.startswith("cuda") else gettext("on the CPU")
    counted = ngettext("%(number)s module", "%(number)s modules", len(modules)) % {"number": f"{len(modules):,}"}
    rows = [Row(gettext("Measured"), f"{counted}, {device}")]
    if modules:
        rows += [Row(str(title), _spread(modules, key, form.format)) for key, title, form in _STATISTICS]
    rows.append(Row(gettext("Among peers"), _compared(evidence)))
    return rows


def _spread(modules: dict[str, dict[str, float]], key: str, form: Callable[[float], str]) -> str:
    values = {name: float(said.get(key) or 0.0) for name, said in modules.items()}
    highest = max(values, key=lambda name: values[name])
    said = {"median": form(median(values.values())), "most": form(values[highest]), "module": highest}
    return gettext("%(median)s in the median, at most %(most)s (%(module)s)") % said


def _compared(evidence: Evidence) -> str:
    comparison: dict[str, Any] | None = evidence.comparison
    if not comparison:
        return gettext("too few published peers to compare with")
    said = {"number": f"{comparison['unusual']:,}", "all": f"{comparison['compared']:,}", "peers": evidence.peers}
    found = gettext("%(number)s of %(all)s statistics unusual among %(peers)s peers") % said
    largest = [f"{row['statistic']}, {row['module']} (z {row['z']:.1f})" for row in comparison["largest"][:_LISTED]]
    return f"{found}: {'; '.join(largest)}" if largest else found
