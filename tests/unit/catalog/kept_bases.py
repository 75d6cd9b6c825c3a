"""Bases as a job would have kept them, without computing anything: small bytes, and numbers that are told apart."""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from catalog.adapters.storing import store_file
from catalog.families.models import Basis, Family
from catalog.families.recording import record_basis
from catalog.families.requesting import request_basis
from tests.unit.catalog.families import MODULES


def keep_basis(family: Family, **options: Any) -> Basis:
    """The next basis of ``family``, ready (or waiting for its gate), with coefficients of a few bytes for each."""
    basis = request_basis(family.created_by, family, options={"rank": 4, **options})
    assert basis.job is not None
    with TemporaryDirectory() as folder:
        record_basis(basis.job, _outcome(basis, Path(folder)))
    basis.refresh_from_db()
    return basis


def _outcome(basis: Basis, folder: Path) -> dict[str, Any]:
    module = {"rank": 4, "d_out": 96, "d_in": 64, "mean_error": 0.1, "worst_error": 0.2}
    return {
        "basis": _stored(folder, f"basis {basis}"),
        "members": [
            {
                "revision_id": member["revision_id"],
                "cluster": 0,
                "receipt": _stored(folder, f"{basis} {member['commit_id']}"),
                "is_zero": False,
                "original_bytes": 10_000,
                "relative_squared_error": 0.1,
                "module_errors": dict.fromkeys(MODULES, 0.1),
            }
            for member in basis.recipe["members"]
        ],
        "report": {"modules": {name: module for name in MODULES}, "fit_seconds": 0.5},  # noqa: C420  (each its own)
        "curve": [
            {"rank": rank, "bytes": 400 * rank, "mean_error": 0.4 / rank, "worst_error": 0.6 / rank, "modules": 4}
            for rank in (1, 4, 16)
        ],
        "made_with": {"torch": "2.13.0", "device": "cpu", "device_name": "", "threads": 1},
    }


def _stored(folder: Path, text: str) -> dict[str, Any]:
    place = folder / "bytes"
    place.write_text(text)
    return asdict(store_file(place))
