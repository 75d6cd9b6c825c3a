"""The members of a family as they lie in the store: headers and pairs are here, tensors are read by their ranges."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from catalog.adapters.models import File, Revision
from catalog.errors import Unprocessable
from catalog.store import blob_store
from kernels.formats.adapter_config import MAX_CONFIG_BYTES
from kernels.formats.canonical import Grouped, LowRankPair
from kernels.formats.dialects import detect, group
from kernels.formats.errors import FormatError
from kernels.formats.folder import CONFIG_NAME, choose_weights
from kernels.formats.ranged import Pieces, RangedFile
from workers.families.sizes import ModuleSize

# What a decompressed member's configuration keeps of its own; see kernels.families.expanding.
_SETTINGS = ("task_type", "modules_to_save", "bias", "fan_in_fan_out", "id2label", "label2id")
OnBytes = Callable[[int], None]


@dataclass(frozen=True)
class MemberFile:
    """One adapter: its weights file by ranges, its pairs by module, its full tensors (heads), its configuration."""

    place: int
    revision: Revision
    name: str
    file: RangedFile
    pairs: dict[str, LowRankPair]
    saved: tuple[str, ...]
    config: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """What its decompressed form takes over from its configuration."""
        return {name: self.config[name] for name in _SETTINGS if name in self.config}

    @property
    def original_bytes(self) -> int:
        """Bytes of the weights file."""
        return self.file.header.size_bytes

    def head_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of its full tensors."""
        return [self.file.header.tensors[name].shape for name in self.saved]

    def head_bytes(self) -> int:
        """Bytes of its full tensors as they are."""
        tensors = self.file.header.tensors
        return sum(tensors[name].end - tensors[name].start for name in self.saved)

    def copy_heads(self, pieces: Pieces) -> None:
        """Add its full tensors, under their own names."""
        pieces.add(self.file, {name: name for name in self.saved})


def open_member(place: int, revision: Revision, on_bytes: OnBytes, *, name: str) -> MemberFile:
    """Read a revision's header and configuration; ``name`` is what messages call it.

    Raises:
        Unprocessable: ``not_low_rank`` where its file holds more than pairs and heads, or cannot be read.
    """
    files = {file.path: file for file in revision.files.select_related("blob")}
    try:
        weights, problems = choose_weights({path: Path(path) for path in files})
        if weights is None:
            raise FormatError(problems[0].code, problems[0].message)
        config = _config(files.get(CONFIG_NAME))
        file = _ranged(files[weights], on_bytes)
        grouped = group(detect(config or None, file.header.shapes), config, file.header.shapes, file.number)
    except FormatError as error:
        raise _not_low_rank(name, f"{error.code}: {error.detail}") from error
    _require_pairs_alone(name, grouped)
    pairs = {pair.module: pair for pair in grouped.pairs}
    return MemberFile(place, revision, name, file, pairs, tuple(sorted(grouped.saved)), config)


def module_sizes(members: Sequence[MemberFile]) -> list[ModuleSize]:
    """Every module of any member, by name. Raises Unprocessable ``mixed_shapes`` where two members disagree."""
    shapes: dict[str, tuple[int, int, str, tuple[int, ...]]] = {}
    for member in members:
        for name, pair in member.pairs.items():
            own = (pair.d_out, pair.d_in * prod(pair.kernel), pair.kind, pair.kernel)
            known = shapes.setdefault(name, own)
            if known != own:
                raise Unprocessable(
                    "mixed_shapes",
                    f"{name} is {known[0]} x {known[1]} elsewhere, and {own[0]} x {own[1]} in {member.name}",
                )
    found = []
    for name in sorted(shapes):
        ranks = tuple(member.pairs[name].rank if name in member.pairs else 0 for member in members)
        found.append(ModuleSize(name, shapes[name][0], shapes[name][1], ranks))
    return found


def lay_out(members: Sequence[MemberFile], modules: Sequence[ModuleSize]) -> tuple[Pieces, list[dict[str, Any]]]:
    """Where the factors of some modules are, and the modules as a child is told of them."""
    pieces = Pieces()
    told: list[dict[str, Any]] = []
    for index, module in enumerate(modules):
        pairs = {
            str(member.place): _told(member.pairs[module.name], index, member.place)
            for member in members
            if module.name in member.pairs
        }
        first = next(member.pairs[module.name] for member in members if module.name in member.pairs)
        told.append(
            {
                "name": module.name,
                "d_out": module.d_out,
                "d_in": module.d_in,
                "kind": first.kind,
                "window": list(first.kernel),
                "pairs": pairs,
            }
        )
    for member in members:
        names: dict[str, str] = {}
        for index, module in enumerate(modules):
            pair = member.pairs.get(module.name)
            if pair is not None:
                own = _told(pair, index, member.place)
                names |= {pair.a_name: own["a_name"], pair.b_name: own["b_name"]}
        pieces.add(member.file, names)
    return pieces, told


def _told(pair: LowRankPair, index: int, place: int) -> dict[str, Any]:
    named = {"a_name": f"{index}.{place}.a", "b_name": f"{index}.{place}.b"}
    return {**asdict(pair), **named, "kernel": list(pair.kernel)}


def _ranged(file: File, on_bytes: OnBytes) -> RangedFile:
    digest = file.blob_id

    def read(start: int, length: int) -> bytes:
        data = b"".join(blob_store().read(digest, start=start, length=length)) if length else b""
        on_bytes(len(data))
        return data

    return RangedFile.open(file.blob.size_bytes, read)


def _config(file: File | None) -> dict[str, Any]:
    if file is None or file.blob.size_bytes > MAX_CONFIG_BYTES:
        return {}
    try:
        found = json.loads(b"".join(blob_store().read(file.blob_id)))
    except (ValueError, RecursionError) as error:
        raise FormatError("config_malformed", f"{CONFIG_NAME} is no JSON: {type(error).__name__}") from error
    return found if isinstance(found, dict) else {}


def _require_pairs_alone(name: str, grouped: Grouped) -> None:
    errors = [finding for finding in grouped.findings if finding.severity == "error"]
    if errors:
        raise _not_low_rank(name, errors[0].message)
    if grouped.method_tensors:
        raise _not_low_rank(name, f"it holds {grouped.method_tensors[0]!r} besides its factors")
    if not grouped.pairs:
        raise _not_low_rank(name, "it holds no low-rank pair")


def _not_low_rank(name: str, why: str) -> Unprocessable:
    return Unprocessable("not_low_rank", f"{name} is not all in its two factors: {why}"[:1000])
