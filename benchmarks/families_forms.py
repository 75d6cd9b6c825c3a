"""Compressed forms of a family: written as the hub writes them, their bytes counted, and expanded again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from kernels.families.basis import Basis
from kernels.families.encoding import Encoding
from kernels.families.expanding import save_expanded
from kernels.families.files import write_basis, write_member
from kernels.families.jd_full import jd_full
from kernels.families.stored import StoredBasis, StoredModule, project, relative_squared_errors
from kernels.families.streaming import loader_of
from kernels.lowrank import Adapter
from kernels.lowrank_io import load_updates

GROUP = 64


@dataclass(frozen=True)
class Setting:
    """A way to store a family: directions of U and of V that are shared (0: none, each adapter alone), the rank kept of
    each member (0: its own), and dtypes.
    """

    outputs: int
    inputs: int
    rank: int
    basis: str
    values: str
    heads: str

    @property
    def method(self) -> str:
        """`jd_full` or `individual`."""
        return "jd_full" if self.outputs else "individual"

    @property
    def name(self) -> str:
        """Short and unique."""
        kept = f"r {self.rank}, " if self.rank else ""
        where = f"basis {self.outputs} x {self.inputs} {self.basis}, " if self.outputs else "alone, "
        return f"{where}{kept}{self.values}, heads {self.heads}"


@dataclass(frozen=True)
class Member:
    """A trained adapter: its updates, its head, what its config says of it, and the bytes as pushed."""

    updates: Adapter
    full: dict[str, Tensor]
    settings: dict[str, object]
    original_bytes: int


@dataclass(frozen=True)
class Form:
    """A family in one setting: bytes, mean error, and the expanded adapters in the order of the members."""

    setting: Setting
    basis_bytes: int
    member_bytes: tuple[int, ...]
    original_bytes: tuple[int, ...]
    error: float
    folders: tuple[Path, ...]

    @property
    def stored_ratio(self) -> float:
        """Originals over basis and all members: on disk, and over the wire for who pulls the family."""
        return sum(self.original_bytes) / (self.basis_bytes + sum(self.member_bytes))

    @property
    def pull_ratio(self) -> float:
        """Originals over members alone: over the wire for who has the basis already."""
        return sum(self.original_bytes) / sum(self.member_bytes)


def load_member(folder: Path) -> Member:
    """A PEFT folder."""
    weights, config = folder / "adapter_model.safetensors", folder / "adapter_config.json"
    full = {name: values for name, values in load_file(weights).items() if ".lora_" not in name}
    asked = json.loads(config.read_text())
    settings = {key: asked[key] for key in ("task_type", "modules_to_save") if asked.get(key)}
    return Member(load_updates(folder), full, settings, weights.stat().st_size + config.stat().st_size)


class Forms:
    """Makes forms of the first `count` members; a basis is fitted once for each count and k."""

    def __init__(self, members: Sequence[Member], folder: Path) -> None:
        self.members = members
        self.folder = folder
        self._fits: dict[tuple[int, int], dict[str, Basis | None]] = {}

    def make(self, count: int, setting: Setting) -> Form:
        """Fit (once), round, project on what was rounded, write, and expand from what was written."""
        members = self.members[:count]
        room = self.folder / f"{count}-{setting.name.replace(' ', '-').replace(',', '')}"
        basis = StoredBasis(setting.method, "all-MiniLM-L6-v2", self._modules(count, setting))
        stored = write_basis(room / "basis.safetensors", basis, encoding=Encoding(setting.basis, GROUP))
        sizes: list[int] = []
        errors: list[float] = []
        folders: list[Path] = []
        for place, member in enumerate(members):
            projected = project(stored, member.updates, rank=setting.rank or None)
            written = write_member(
                room / f"{place}.safetensors",
                stored,
                replace(projected, full=member.full, settings=member.settings),
                encoding=Encoding(setting.values, GROUP),
                head_encoding=Encoding(setting.heads, GROUP),
            )
            sizes.append(written.size_bytes)
            errors += relative_squared_errors(stored, written, member.updates).values()
            folders.append(save_expanded(stored, written, room / f"{place}"))
        originals = tuple(member.original_bytes for member in members)
        shared = stored.size_bytes if setting.outputs else 0
        return Form(setting, shared, tuple(sizes), originals, sum(errors) / len(errors), tuple(folders))

    def _modules(self, count: int, setting: Setting) -> dict[str, StoredModule]:
        """The fitted basis, its leading directions of either side."""
        like, found = self.members[0].updates, {}
        for name, one in self._fit(count, max(setting.outputs, setting.inputs)).items():
            cut = (Basis(one.U[:, : setting.outputs], one.V[:, : setting.inputs]),) if one else ()
            found[name] = StoredModule(like[name].d_out, like[name].d_in, cut)
        return found

    def _fit(self, count: int, rank: int) -> dict[str, Basis | None]:
        if (count, rank) not in self._fits:
            modules, load = loader_of([member.updates for member in self.members[:count]])
            fits = {name: jd_full(load(name), rank=rank).basis if rank else None for name in modules}
            self._fits[count, rank] = fits
        return self._fits[count, rank]
