"""Bytes that were removed for good are not taken again, whoever sends them and under whatever name."""

from collections.abc import Iterable

from catalog.errors import Conflict
from catalog.removals.models import WithdrawnFile


def refuse_removed(digests: Iterable[str], *, field: str = "files") -> None:
    """Raise Conflict ``bytes_were_removed`` if any of these SHA-256 digests was removed for good."""
    found = WithdrawnFile.objects.filter(sha256__in=list(digests), is_refused=True).order_by("pk").first()
    if found is not None:
        raise Conflict(
            "bytes_were_removed",
            f"the bytes {found.sha256[:12]}... were removed from this hub for good, and are not taken again",
            field=field,
            hint="Train without what had to be removed, and push that.",
        )
