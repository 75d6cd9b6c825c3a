"""Compressed pulls: the basis once into the cache, then coefficients; on disk an ordinary LoRA, or what was pulled."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cache import BlobCache, place, sha256_of
from .compressed_plan import BASIS_NAME, COEFFICIENTS_NAME, RECEIPT_NAME, CompressedPlan, PlannedMember
from .download import download
from .errors import IntegrityError, UsageError
from .names import AdapterName
from .own_kernels import load_kernels
from .paths import safe_relative_path
from .pull import PlannedFile, appear, require_free
from .sending import Progress
from .withdrawn import forgetting

if TYPE_CHECKING:
    from .caller import Caller


@dataclass(frozen=True)
class CompressedResult:
    """Where a member is now, in which form, and what had to be transferred for it."""

    folder: Path
    plan: CompressedPlan
    member: PlannedMember
    is_kept_compressed: bool
    transferred_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `hubclient pull --compressed`."""
        return {
            "adapter": self.member.adapter,
            "version": self.member.version,
            "commit_id": self.member.commit_id,
            "folder": str(self.folder),
            "family": self.plan.name,
            "form": self.form,
            "load": self.load_line,
            "basis_bytes": self.plan.basis.size_bytes,
            "size_bytes": self.member.size_bytes,
            "original_bytes": self.member.original_bytes,
            "transferred_bytes": self.transferred_bytes,
            "relative_squared_error": self.member.relative_squared_error,
        }

    @property
    def form(self) -> str:
        """`compressed` as it was pulled, or `lora`."""
        return "compressed" if self.is_kept_compressed else "lora"

    @property
    def load_line(self) -> str:
        """The line that loads what was pulled, or makes it loadable."""
        if self.is_kept_compressed:
            return f"hubclient family expand {self.folder} DIR"
        folder = str(self.folder) if self.folder.is_absolute() else f"./{self.folder.as_posix()}"
        return f"from peft import PeftModel; model = PeftModel.from_pretrained(base_model, {folder!r})"


def plan_compressed(hub: Caller, name: str, *, family: str | None = None) -> CompressedPlan:
    """The plan of `ns/name[@version]`. Raises ConflictError `not_compressed` where no basis gives it."""
    parsed = AdapterName.parse(name)
    asked = {"version": parsed.ref, "family": family}
    with forgetting(hub.cache):
        answer = hub.call(
            "GET", f"{parsed.url_path}/compressed", params={key: value for key, value in asked.items() if value}
        )
    plan = CompressedPlan.from_answer(answer)
    if len(plan.members) != 1 or not plan.members[0].is_compressed:
        raise IntegrityError("The hub's plan is not of one compressed adapter.", code="invalid_plan")
    return plan


def plan_family(hub: Caller, family: str, *, number: int | None = None) -> CompressedPlan:
    """The plan of every member of a family's basis, the current one without a number."""
    path = f"/families/{AdapterName.parse(family).full_name}/plan"
    with forgetting(hub.cache):
        answer = hub.call("GET", path, params={"basis": number} if number else {})
    return CompressedPlan.from_answer(answer)


@dataclass
class Puller:
    """Brings members of one plan: the basis is fetched, verified and read once for all of them."""

    hub: Caller
    plan: CompressedPlan
    on_progress: Progress | None = None
    transferred_bytes: int = 0
    _basis: Path | None = None
    _read: Any = None
    _done: int = field(default=0)

    def pull(
        self, member: PlannedMember, destination: Path | None = None, *, is_kept: bool = False, is_forced: bool = False
    ) -> CompressedResult:
        """Bring a member to `destination`, or to its place in the cache: an ordinary LoRA unless `is_kept`.

        A destination that holds just that already is left as it is. Raises UsageError `destination_occupied`.
        """
        folder = destination or self._own_place(member, is_kept)
        before = self.transferred_bytes
        if not _holds(folder, _receipt(self.plan, member, is_kept)):
            if destination is not None and not is_forced:
                require_free(folder)
            blobs = {file.path: self._fetch(file) for file in member.all_files}
            appear(folder, lambda fresh: self._fill(fresh, member, blobs, is_kept))
        return CompressedResult(folder, self.plan, member, is_kept, self.transferred_bytes - before)

    @contextmanager
    def expanded(self, member: PlannedMember) -> Iterator[Path]:
        """A folder with the member as an ordinary LoRA, gone afterwards: for a stitch of the compressed form."""
        blobs = {file.path: self._fetch(file) for file in member.all_files}
        with tempfile.TemporaryDirectory(prefix="hub-expanded-") as room:
            self._expand(self.basis, blobs[COEFFICIENTS_NAME], Path(room))
            yield Path(room)

    @property
    def basis(self) -> Path:
        """The cached file of the basis; fetched at its first use."""
        if self._basis is None:
            self._basis = self._fetch(self.plan.basis)
        return self._basis

    def _own_place(self, member: PlannedMember, is_kept: bool) -> Path:
        form = f"{member.commit_id}-{self.plan.basis.sha256[:12]}{'-compressed' if is_kept else ''}"
        return self.hub.cache / "compressed" / member.adapter / form

    def _fetch(self, file: PlannedFile) -> Path:
        def on_bytes(count: int) -> None:
            if self.on_progress:
                self.on_progress(self._done + count, self._total, file.path)

        cache = BlobCache(self.hub.cache)
        promised: dict[str, Any] = {"sha256": file.sha256, "size_bytes": file.size_bytes, "on_bytes": on_bytes}
        blob, received = download(self.hub.connection, cache, file.url, **promised)
        self.transferred_bytes += received
        self._done += file.size_bytes
        return blob

    @property
    def _total(self) -> int:
        return self.plan.basis.size_bytes + sum(member.size_bytes for member in self.plan.members)

    def _fill(self, fresh: Path, member: PlannedMember, blobs: dict[str, Path], is_kept: bool) -> None:
        for file in member.all_files if is_kept else member.files:
            place(blobs[file.path], fresh / file.path, file.size_bytes)
        if is_kept:
            place(self.basis, fresh / BASIS_NAME, self.plan.basis.size_bytes)
        else:
            self._expand(self.basis, blobs[COEFFICIENTS_NAME], fresh)
        made = [path for path in sorted(fresh.rglob("*")) if path.is_file()]
        receipt = _receipt(self.plan, member, is_kept)
        receipt["files"] = {path.relative_to(fresh).as_posix(): sha256_of(path) for path in made}
        (fresh / RECEIPT_NAME).write_text(json.dumps(receipt, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    def _expand(self, basis: Path, coefficients: Path, folder: Path) -> None:
        files, expanding = _kernels()
        try:
            if self._read is None:
                self._read = files.read_basis(basis)
            member = files.read_member(coefficients, self._read)
            expanding.save_expanded(self._read, member, folder, base_model=self.plan.base_model or None)
        except ValueError as error:  # FormatError, and what the numerics refuse
            raise IntegrityError(
                f"The coefficients cannot be expanded: {error}",
                code=getattr(error, "code", "invalid_coefficients"),
                hint=getattr(error, "hint", None) or None,
            ) from error


def expand_folder(folder: Path, destination: Path) -> Path:
    """An ordinary LoRA out of a folder that was pulled with `--keep-compressed`. Raises UsageError `not_compressed`."""
    basis, coefficients = folder / BASIS_NAME, folder / COEFFICIENTS_NAME
    if not basis.is_file() or not coefficients.is_file():
        raise UsageError(
            f"{folder} holds no {BASIS_NAME} and {COEFFICIENTS_NAME}.",
            code="not_compressed",
            hint="Pull it with --compressed --keep-compressed.",
        )
    require_free(destination)
    _, expanding = _kernels()
    try:
        made: Path = expanding.expand_files(basis, coefficients, destination)
    except ValueError as error:
        raise IntegrityError(str(error), code=getattr(error, "code", "invalid_coefficients")) from error
    return made


def _kernels() -> tuple[Any, Any]:
    return load_kernels("families.files", extra="stitch"), load_kernels("families.expanding", extra="stitch")


def _receipt(plan: CompressedPlan, member: PlannedMember, is_kept: bool) -> dict[str, Any]:
    """What a folder was made of; with the digests of its files it stands in the folder itself."""
    return {
        "adapter": member.adapter,
        "version": member.version,
        "commit_id": member.commit_id,
        "family": plan.name,
        "form": "compressed" if is_kept else "lora",
        "basis_sha256": plan.basis.sha256,
        "coefficients_sha256": member.coefficients.sha256 if member.coefficients else None,
        "relative_squared_error": member.relative_squared_error,
        "original_bytes": member.original_bytes,
    }


def _holds(folder: Path, wanted: dict[str, Any]) -> bool:
    """Whether the folder was made of just this, and every file in its receipt is there byte for byte."""
    try:
        receipt = json.loads((folder / RECEIPT_NAME).read_text(encoding="utf-8"))
        digests = {folder / safe_relative_path(name): digest for name, digest in receipt.pop("files").items()}
        return receipt == wanted and all(
            not path.is_symlink() and sha256_of(path) == digest for path, digest in digests.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IntegrityError):
        return False
