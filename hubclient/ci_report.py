"""A report for a pull request: the new version's measured score against the published one, and whether it may pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .errors import ConflictError, NotFoundError, NotPermittedError
from .jobs import JobProgress
from .names import AdapterName

if TYPE_CHECKING:
    from .client import Hub

_SAME = 1e-9
_REFUSED = frozenset({"invalid", "rejected", "returned", "withdrawn"})


@dataclass(frozen=True)
class Gate:
    """What a new version must keep: at most this much worse, at most this share of rows turned wrong."""

    largest_drop: float | None = None
    most_flips: float | None = None


@dataclass
class Report:
    """What was measured, and what the gate says of it."""

    name: str
    reference: str
    now: dict[str, Any]
    comparison: dict[str, Any] | None
    size_bytes: int
    size_before: int | None
    gate: Gate
    failures: list[str] = field(default_factory=list)

    @property
    def on(self) -> str:
        """The set and its revision."""
        return f"{self.now['evaluation_set']}@{self.now['set_revision']}"

    @property
    def has_passed(self) -> bool:
        """Whether nothing speaks against the new version."""
        return not self.failures

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        gate = {"largest_drop": self.gate.largest_drop, "most_flips": self.gate.most_flips}
        return {
            "name": self.name,
            "evaluation": self.now,
            "comparison": self.comparison,
            "size_bytes": self.size_bytes,
            "size_bytes_before": self.size_before,
            "gate": gate | {"has_passed": self.has_passed, "failures": self.failures},
        }


def make_report(
    hub: Hub,
    name: str,
    evaluation_set: str,
    *,
    against: str | None = None,
    gate: Gate | None = None,
    timeout_seconds: float | None = None,
    on_progress: JobProgress | None = None,
) -> Report:
    """Measure `name` (without `@` its newest push that nobody refused) and, where needed, what it is compared with.

    Args:
        against: the version to compare with; the published default, or the highest other one, when left out.
        gate: what must be kept; what the policies of the adapter's namespace say when left out.

    Raises:
        HubError: as the hub refuses; JobFailedError when a score could not be measured.
    """
    shown, revision = _newest(hub, name)
    on = _newest_rows(hub, evaluation_set)
    before = _before(hub, shown, against)
    options: dict[str, Any] = {"timeout_seconds": timeout_seconds, "on_progress": on_progress}
    comparison: dict[str, Any] | None = None
    if before is None:
        now = _measured(hub, shown, on, options)
    else:
        comparison = _compared(hub, before, shown, on, options)
        now = hub.evaluation(comparison["b"]["evaluation"])
    chosen = gate or _gate_of(hub, AdapterName.parse(shown).namespace, now["evaluation_set"])
    report = Report(
        name=_label(shown, revision),
        reference=shown,
        now=now,
        comparison=comparison,
        size_bytes=int(revision["size_bytes"]),
        size_before=comparison["a"]["size_bytes"] if comparison else None,
        gate=chosen,
    )
    report.failures = _failures(report)
    return report


def _newest(hub: Hub, name: str) -> tuple[str, dict[str, Any]]:
    """The full name with its commit, and the revision: the one named, else the newest that nobody refused."""
    parsed = AdapterName.parse(name)
    revision = hub.revision(parsed.full_name, hub.commit_of(name)) if parsed.ref else _newest_push(hub, parsed)
    return f"{parsed.full_name}@{revision['commit_id']}", revision


def _newest_push(hub: Hub, parsed: AdapterName) -> dict[str, Any]:
    """The newest revision that is neither invalid nor rejected nor withdrawn. Raises NotFoundError without one."""
    cursor: str | None = None
    while True:
        page = hub.call("GET", f"{parsed.url_path}/revisions", params={"limit": 20, "cursor": cursor})
        for revision in page["results"]:
            if revision["state"] not in _REFUSED:
                return dict(revision)
        cursor = page.get("next_cursor")
        if not cursor:
            raise NotFoundError(
                f"{parsed.full_name} has no revision that could be measured.",
                hint="Push one first; what was found invalid or was rejected has no score.",
            )


def _newest_rows(hub: Hub, evaluation_set: str) -> str:
    """The set with the number of its newest revision, so that all of the report speaks of the same rows."""
    if "@" in evaluation_set:
        return evaluation_set
    numbers = hub.evaluation_set(evaluation_set)["revisions"]
    return f"{evaluation_set}@{numbers[0]}" if numbers else evaluation_set


def _before(hub: Hub, shown: str, against: str | None) -> str | None:
    """The version to compare with; None for the first one."""
    parsed = AdapterName.parse(shown)
    if against:
        return f"{parsed.full_name}@{against.removeprefix('@')}"
    adapter = hub.info(parsed.full_name)
    wanted = [adapter["default_version"], *adapter["versions"]]
    for version in filter(None, wanted):
        if hub.commit_of(f"{parsed.full_name}@{version}") != parsed.ref:
            return f"{parsed.full_name}@{version}"
    return None


def _compared(hub: Hub, before: str, now: str, on: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The comparison, after measuring what has no score yet."""
    try:
        return hub.compare(before, now, on)
    except ConflictError as error:
        if error.code != "score_not_measured":
            raise
    for name in (before, now):
        _measured(hub, name, on, options)
    return hub.compare(before, now, on)


def _measured(hub: Hub, name: str, on: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The newest score on all rows, measured now where there is none."""
    page = hub.evaluations(adapter=name, set=on, state="measured", limit=50)
    rows = page["results"]
    whole: list[dict[str, Any]] = [
        row for row in rows if row["settings"].get("limit") is None and not row.get("companion")
    ]
    return whole[0] if whole else hub.evaluate(name, on, **options)


def _gate_of(hub: Hub, namespace: str, evaluation_set: str) -> Gate:
    """The strictest of the namespace's policies for this set; none where the caller may not read them."""
    try:
        page = hub.call("GET", f"/namespaces/{namespace}/policies", params={"limit": 100})
    except (NotFoundError, NotPermittedError):
        return Gate()
    rows = [row for row in page["results"] if row["evaluation_set"] == evaluation_set]

    def strictest(key: str) -> float | None:
        return min((row[key] for row in rows if row.get(key) is not None), default=None)

    return Gate(strictest("largest_drop"), strictest("most_negative_flips"))


def _failures(report: Report) -> list[str]:
    found, gate = report.comparison, report.gate
    if found is None:
        return []
    said = report.now["metrics"].get(report.now["metric"]) or {}
    before, now = found["a"]["score"]["value"], found["b"]["score"]["value"]
    drop = before - now if said.get("higher_is_better", True) else now - before
    failures = []
    if gate.largest_drop is not None and drop > gate.largest_drop + _SAME:
        failures.append(f"the score is {drop:.4g} worse, at most {gate.largest_drop:g} is allowed")
    if gate.most_flips is not None and found["negative_flip_rate"] > gate.most_flips + _SAME:
        failures.append(
            f"{found['negative_flip_rate']:.1%} of the rows turned wrong, at most {gate.most_flips:.1%} may"
        )
    return failures


def _label(shown: str, revision: Mapping[str, Any]) -> str:
    full_name, _, commit = shown.partition("@")
    return f"{full_name}@{revision.get('version') or commit[:12]}"
