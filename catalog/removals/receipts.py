"""The receipt of a removal: every artefact, every digest, and what became of it. It never changes."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from catalog.removals.models import Removal, Withdrawal


def receipt_of(
    removal: Removal, withdrawals: list[Withdrawal], *, became: Mapping[str, str], made_anew: list[dict[str, Any]]
) -> dict[str, Any]:
    """Plain values; ``digest`` is the SHA-256 of all the rest as compact JSON with sorted keys.

    ``became`` says of each SHA-256 whether its bytes were ``deleted``, were ``absent`` already, or are
    ``held_elsewhere``: by something that was pushed with the very same bytes and was not derived from this.
    """
    said: dict[str, Any] = {
        "removal": str(removal.pk),
        "subject": removal.subject,
        "reason": removal.reason,
        "requested_by": removal.requested_by.username if removal.requested_by else None,
        "requested_at": removal.created_at.isoformat(),
        "finished_at": removal.finished_at.isoformat() if removal.finished_at else None,
        "artefacts": [_artefact(row, became) for row in withdrawals],
        "made_anew": made_anew,
    }
    return said | {"digest": hashlib.sha256(canonical(said)).hexdigest()}


def canonical(said: Mapping[str, Any]) -> bytes:
    """The bytes that the digest of a receipt is of."""
    without = {key: value for key, value in said.items() if key != "digest"}
    return json.dumps(without, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _artefact(withdrawal: Withdrawal, became: Mapping[str, str]) -> dict[str, Any]:
    is_root = withdrawal.revision_id is not None and withdrawal.cause_id is None
    return {
        "name": withdrawal.subject,
        "kind": "basis" if withdrawal.basis_id else "revision",
        "role": "removed" if is_root else "derived",
        "commit_id": withdrawal.revision.commit_id if withdrawal.revision else None,
        "withdrawn_at": withdrawal.withdrawn_at.isoformat(),
        "files": [
            {
                "path": file.path,
                "sha256": file.sha256,
                "size_bytes": file.size_bytes,
                "became": became.get(file.sha256, "absent"),
                "is_refused": file.is_refused,
            }
            for file in withdrawal.files.all()
        ],
    }
