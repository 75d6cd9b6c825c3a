"""Keep the entries of another catalogue: new ones are made, changed ones changed, and the same words change nothing."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from catalog.records.adapterhub import read_entry
from catalog.records.claims import Claim, Refused
from catalog.records.files import Found, entries_in
from catalog.records.models import Record, RecordVersion
from catalog.search.records import index_record

BATCH = 200


@dataclass(frozen=True)
class Refusal:
    """A row that could not be taken: where it stands, a stable code, and one sentence."""

    where: str
    code: str
    detail: str


@dataclass
class Report:
    """What an import did."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)
    noted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Notes of the rows that were taken, by the record's name."""

    @property
    def taken(self) -> int:
        """Rows that are records now."""
        return self.created + self.updated + self.unchanged

    def note_counts(self) -> dict[str, int]:
        """How often each note occurs."""
        return dict(Counter(note["code"] for notes in self.noted.values() for note in notes).most_common())

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        counts = {"created": self.created, "updated": self.updated, "unchanged": self.unchanged}
        return {**counts, "refused": [asdict(row) for row in self.refused], "notes": self.noted}


def import_entries(path: Path, *, is_dry_run: bool = False) -> Report:
    """Read every entry of a file or folder and keep it. A row that cannot be taken stops no other.

    Raises FileNotFoundError where there is no such path.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    report = Report()
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    waiting: list[tuple[Claim, Found]] = []
    for found in entries_in(path):
        try:
            claim = read_entry(found)
            _refuse_repeated(claim, found, seen)
        except Refused as refusal:
            report.refused.append(Refusal(found.where, refusal.code, refusal.detail))
            continue
        waiting.append((claim, found))
        if len(waiting) == BATCH:
            _keep_all(waiting, report, is_dry_run=is_dry_run)
            waiting = []
    _keep_all(waiting, report, is_dry_run=is_dry_run)
    return report


def _refuse_repeated(claim: Claim, found: Found, seen: dict[tuple[str, str], tuple[str, str]]) -> None:
    """The first of two rows with one id is kept: else every import would change the record twice."""
    digest, where = seen.setdefault((claim.source, claim.path), (claim.digest, found.where))
    if where != found.where and digest != claim.digest:
        raise Refused("duplicate_id", f"{claim.source}/{claim.path} stands at {where} already, with other words")


def _keep_all(waiting: list[tuple[Claim, Found]], report: Report, *, is_dry_run: bool) -> None:
    with transaction.atomic():
        for claim, found in waiting:
            try:
                with transaction.atomic():
                    outcome = keep(claim, where=found.where)
            except DatabaseError as error:
                report.refused.append(
                    Refusal(found.where, "not_storable", f"the database refuses it: {str(error)[:150]}")
                )
                continue
            setattr(report, outcome, getattr(report, outcome) + 1)
            if claim.notes:
                report.noted[f"{claim.source}/{claim.path}"] = [asdict(note) for note in claim.notes]
        if is_dry_run:
            transaction.set_rollback(True)


@transaction.atomic
def keep(claim: Claim, *, where: str) -> str:
    """Write the record of a claim: ``created``, ``updated`` or ``unchanged``.

    One that an administrator took out stays out, however often it is imported.
    """
    provenance = {"from": where[:300], "read_as": "adapterhub", "sha256": claim.digest}
    known = Record.objects.select_for_update().filter(source=claim.source, path=claim.path).first()
    if known is not None and known.digest == claim.digest:
        index_record(known)
        return "unchanged"
    columns = {**claim.columns(), "provenance": provenance, "updated_at": timezone.now()}
    record, is_new = Record.objects.update_or_create(source=claim.source, path=claim.path, defaults=columns)
    if not is_new:
        record.versions.all().delete()
    RecordVersion.objects.bulk_create(
        RecordVersion(record=record, position=position, **asdict(row)) for position, row in enumerate(claim.versions)
    )
    index_record(record)
    return "created" if is_new else "updated"
