"""The hub's plan of a compressed pull, checked: a basis, and for each member coefficients or whole files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import IntegrityError
from .paths import check_paths_together, safe_relative_path
from .pull import COMMIT_ID, PlannedFile

BASIS_NAME = "basis.safetensors"
COEFFICIENTS_NAME = "coefficients.safetensors"
RECEIPT_NAME = "compressed.json"
_OWN_NAMES = (BASIS_NAME, RECEIPT_NAME, "adapter_model.safetensors", "adapter_config.json")


@dataclass(frozen=True)
class PlannedMember:
    """One adapter: its coefficients and the files that come as they are; without coefficients those are all files."""

    adapter: str
    version: str | None
    commit_id: str
    state: str
    reason: str
    relative_squared_error: float
    original_bytes: int
    coefficients: PlannedFile | None
    files: tuple[PlannedFile, ...]

    @property
    def is_compressed(self) -> bool:
        """Whether it comes as coefficients."""
        return self.coefficients is not None

    @property
    def size_bytes(self) -> int:
        """Everything of this member; the basis is not counted."""
        return sum(file.size_bytes for file in self.all_files)

    @property
    def all_files(self) -> tuple[PlannedFile, ...]:
        """Its files, the coefficients among them."""
        return (self.coefficients, *self.files) if self.coefficients else self.files

    @property
    def reference(self) -> str:
        """`ns/name@version`, or with the commit where there is no version."""
        return f"{self.adapter}@{self.version or self.commit_id}"


@dataclass(frozen=True)
class CompressedPlan:
    """A basis and members on it."""

    family: str
    number: int
    method: str
    base_model: str
    basis: PlannedFile
    members: tuple[PlannedMember, ...]

    @property
    def name(self) -> str:
        """`ns/family@3`."""
        return f"{self.family}@{self.number}"

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> CompressedPlan:
        """Check and take over the hub's answer. Raises UnsafePathError or IntegrityError `invalid_plan`."""
        try:
            basis = _file(BASIS_NAME, answer["basis"])
            base_model = str((answer.get("base_model") or {}).get("id") or "")
            members = tuple(_member(entry) for entry in answer["members"])
            family, number = safe_relative_path(str(answer["family"])), int(answer["number"])
            return cls(family, number, str(answer["method"]), base_model, basis, members)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IntegrityError(f"The hub's plan is not complete: {error!r}.", code="invalid_plan") from error


def _member(entry: Mapping[str, Any]) -> PlannedMember:
    coefficients = entry.get("coefficients")
    member = PlannedMember(
        adapter=safe_relative_path(str(entry["adapter"])),
        version=entry.get("version"),
        commit_id=str(entry["commit_id"]),
        state=str(entry["state"]),
        reason=str(entry.get("reason") or ""),
        relative_squared_error=float(entry["relative_squared_error"]),
        original_bytes=int(entry["original_bytes"]),
        coefficients=_file(COEFFICIENTS_NAME, coefficients) if coefficients else None,
        files=tuple(_file(str(file["path"]), file) for file in entry["files"]),
    )
    # Names that the client itself writes beside them are no file's.
    own = _OWN_NAMES if coefficients else ()
    check_paths_together([*own, *(file.path for file in member.all_files)])
    if not COMMIT_ID.fullmatch(member.commit_id) or not member.all_files:
        raise IntegrityError("The hub's plan names no commit or no file.", code="invalid_plan")
    return member


def _file(path: str, entry: Mapping[str, Any]) -> PlannedFile:
    return PlannedFile(path, int(entry["size_bytes"]), str(entry["sha256"]), str(entry["url"]))
