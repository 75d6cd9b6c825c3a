"""What was measured of a revision, as a few lines for display."""

from collections.abc import Callable
from statistics import median
from typing import Any

from catalog.adapters.models import Revision
from catalog.evidence.models import Evidence
from frontend.facts import Row

_STATISTICS = (
    ("top_share", "Share of the first direction", "{:.0%}"),
    ("entropy", "Spread over directions", "{:.2f}"),
    ("kurtosis", "Kurtosis of entries", "{:.1f}"),
)
_LISTED = 3


def evidence_rows(revision: Revision) -> list[Row]:
    """Medians, extremes and what is unusual among peers; one row that says why where nothing was measured."""
    evidence = Evidence.objects.filter(revision_id=revision.pk).first()
    if evidence is None:
        return []
    if evidence.skipped:
        return [Row("Not measured", str(evidence.skipped.get("detail") or evidence.skipped.get("code")))]
    modules = evidence.statistics
    device = "on a CUDA device" if evidence.device.startswith("cuda") else "on the CPU"
    rows = [Row("Measured", f"{len(modules):,} module{'' if len(modules) == 1 else 's'}, {device}")]
    if modules:
        rows += [Row(title, _spread(modules, key, form.format)) for key, title, form in _STATISTICS]
    rows.append(Row("Among peers", _compared(evidence)))
    return rows


def _spread(modules: dict[str, dict[str, float]], key: str, form: Callable[[float], str]) -> str:
    values = {name: float(said.get(key) or 0.0) for name, said in modules.items()}
    highest = max(values, key=lambda name: values[name])
    return f"{form(median(values.values()))} in the median, at most {form(values[highest])} ({highest})"


def _compared(evidence: Evidence) -> str:
    comparison: dict[str, Any] | None = evidence.comparison
    if not comparison:
        return "too few published peers to compare with"
    found = f"{comparison['unusual']:,} of {comparison['compared']:,} statistics unusual among {evidence.peers} peers"
    largest = [f"{row['statistic']} of {row['module']} (z {row['z']:.1f})" for row in comparison["largest"][:_LISTED]]
    return f"{found}: {'; '.join(largest)}" if largest else found
