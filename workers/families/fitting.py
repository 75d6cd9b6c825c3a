"""The functions of the job ``compress``: which cluster each adapter is in, and a few modules fitted.

They run in a child. Its work file holds the factors of a few modules of all members, copied from the store by ranges.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from kernels.families.clustered import clustered_jd
from kernels.families.encoding import Encoding, decode, encode
from kernels.families.files import write_basis
from kernels.families.fitting import errors_at, fit_module
from kernels.families.parts import write_part
from kernels.families.stored import (
    Coefficients,
    StoredBasis,
    StoredMember,
    StoredModule,
    project_module,
    relative_squared_errors,
)
from kernels.formats.canonical import LowRankPair
from kernels.formats.safetensors_header import Header, read_header
from kernels.formats.values import factors
from kernels.lowrank import LowRankUpdate
from workers.computing import Report

_ROUNDS = 10


def fit_modules(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Fit every module of the work file and write each as a part; their reports, in the same order.

    ``argument``: ``file``, ``members`` (how many), ``modules`` [{``name``, ``d_out``, ``d_in``, ``kind``, ``window``,
    ``pairs`` {place: pair}, ``part`` (where to write it), ``curve`` (ranks to try besides)}], ``method``, ``rank`` or
    ``error``, ``member_rank`` (or None), ``assignment``, ``dtype``, ``coefficients``, ``seed``, ``base_model``,
    ``device``, ``threads``.
    """
    torch.set_num_threads(int(argument.get("threads") or 1))
    device = _device(argument)
    work = Work.open(argument, device)
    reports = []
    with _repeatable():
        for done, module in enumerate(argument["modules"]):
            report(done / len(argument["modules"]), f"fitting {module['name']}")
            reports.append(_fitted(work, module, argument))
    return {"modules": reports, "made_with": made_with(device)}


def assign_clusters(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The cluster of each member: fits and moves on the modules of the work file until nobody wants to move.

    ``argument`` as of :func:`fit_modules`, with ``clusters`` and ``rank``.
    """
    torch.set_num_threads(int(argument.get("threads") or 1))
    device = _device(argument)
    work = Work.open(argument, device)
    modules = {module["name"]: module for module in argument["modules"]}
    with _repeatable():
        found = clustered_jd(
            list(modules),
            lambda name: work.updates(modules[name]),
            rank=int(argument["rank"]),
            clusters=int(argument["clusters"]),
            seed=int(argument["seed"]),
            max_rounds=_ROUNDS,
            progress=lambda step, steps, name: report(step / steps, f"clustering by {name}"),
        )
    return {"assignment": found.assignment.tolist(), "is_converged": found.is_converged, "modules": list(modules)}


def made_with(device: torch.device) -> dict[str, Any]:
    """Versions and device, as every derived thing tells them."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "torch": torch.__version__,
        "device": device.type,
        "device_name": name,
        "threads": torch.get_num_threads(),
    }


class Work:
    """A work file: the factors of a few modules of every member."""

    @classmethod
    def open(cls, argument: Mapping[str, Any], device: torch.device | None = None) -> "Work":
        """The work file that the argument names."""
        return cls(Path(argument["file"]), int(argument["members"]), device or torch.device("cpu"))

    def __init__(self, path: Path, members: int, device: torch.device) -> None:
        self._path, self._header, self._members, self._device = path, read_header(path), members, device

    def updates(self, module: Mapping[str, Any]) -> list[LowRankUpdate]:
        """The update of every member, in their order; of rank 0 where a member leaves the module out."""
        pairs: Mapping[str, Mapping[str, Any]] = module["pairs"]
        found = []
        for place in range(self._members):
            pair = pairs.get(str(place))
            found.append(_nothing(module) if pair is None else _update(self._path, self._header, pair))
        return [update.to(device=self._device) for update in found]


def _fitted(work: Work, module: Mapping[str, Any], argument: Mapping[str, Any]) -> dict[str, Any]:
    start = perf_counter()
    method, name = argument["method"], module["name"]
    updates = work.updates(module)
    options: dict[str, Any] = {"assignment": argument.get("assignment"), "seed": int(argument["seed"])}
    norms = [update.norm() for update in updates]
    if not any(norms):
        return {"name": name, "is_zero": True, "norms": norms, "errors": [0.0] * len(norms)}
    fit = fit_module(updates, method, rank=argument.get("rank"), error=argument.get("error"), **options)
    part = Path(module["part"])
    basis = _as_stored(part, module, argument, fit.clusters)
    tried = errors_at(updates, method, module.get("curve") or (), **options)
    updates = [update.to(device="cpu") for update in updates]
    kept = [
        _rounded(one, argument["coefficients"])
        for one in project_module(
            basis, name, updates, clusters=argument.get("assignment"), ranks=_ranks(fit.member_ranks, updates, argument)
        )
    ]
    write_part(part, name, method, basis.modules[name], kept, kind=module["kind"], window=module["window"])
    errors = [
        _error(basis, name, one, update, place, argument)
        for place, (one, update) in enumerate(zip(kept, updates, strict=True))
    ]
    return {
        "name": name,
        "rank": fit.rank,
        "norms": norms,
        "errors": errors,
        "curve": [[float(found.mean()), float(found.max())] for found in tried],
        "seconds": round(perf_counter() - start, 3),
    }


def _ranks(
    fitted: Sequence[int], updates: Sequence[LowRankUpdate], argument: Mapping[str, Any]
) -> Sequence[int] | None:
    """The rank that each member keeps; None for its own."""
    if (most := argument.get("member_rank")) is not None:
        return [min(update.rank, most) for update in updates]
    return fitted or None


def _as_stored(
    part: Path, module: Mapping[str, Any], argument: Mapping[str, Any], clusters: Sequence[Any]
) -> StoredBasis:
    """The module's bases with the values that the family's file is going to have: members are projected onto those."""
    bases = tuple(type(one)(one.U.cpu(), one.V.cpu(), one.is_diagonal) for one in clusters)
    stored = StoredModule(int(module["d_out"]), int(module["d_in"]), bases)
    basis = StoredBasis(argument["method"], argument["base_model"], {module["name"]: stored})
    if not bases:
        return basis
    rounded = part.with_suffix(".rounded")
    try:
        return write_basis(rounded, basis, encoding=Encoding(argument["dtype"]))
    finally:
        rounded.unlink(missing_ok=True)


def _rounded(kept: Coefficients, dtype: str) -> Coefficients:
    def as_stored(values: torch.Tensor) -> torch.Tensor:
        encoding = Encoding(dtype)
        tensors, units = encode("values", values.float(), encoding)
        return decode("values", tensors, units, encoding, tuple(values.shape))

    if not kept.rank:
        return kept
    if kept.core is not None:
        return Coefficients(kept.rank, core=as_stored(kept.core))
    left, right = kept.loadings
    return Coefficients(kept.rank, left=as_stored(left.T).T.contiguous(), right=as_stored(right.T).T.contiguous())


def _error(
    basis: StoredBasis,
    name: str,
    kept: Coefficients,
    update: LowRankUpdate,
    place: int,
    argument: Mapping[str, Any],
) -> float:
    """Of exactly what is stored; 0 for a member that the module leaves alone."""
    cluster = (argument.get("assignment") or {place: 0})[place]
    member = StoredMember({name: kept} if kept.rank else {}, cluster)
    return relative_squared_errors(basis, member, {name: update})[name]


def _update(path: Path, header: Header, given: Mapping[str, Any]) -> LowRankUpdate:
    pair = LowRankPair(**{**given, "kernel": tuple(given["kernel"])})
    a, b = factors(path, header, pair)
    return LowRankUpdate.from_lora(torch.tensor(a), torch.tensor(b), scale=pair.scale)


def _nothing(module: Mapping[str, Any]) -> LowRankUpdate:
    return LowRankUpdate(torch.zeros(0, int(module["d_in"])), torch.zeros(int(module["d_out"]), 0))


def _device(argument: Mapping[str, Any]) -> torch.device:
    wanted = argument.get("device") or "cpu"
    return torch.device(
        "cuda" if wanted == "any" and torch.cuda.is_available() else "cpu" if wanted == "any" else wanted
    )


@contextmanager
def _repeatable() -> Iterator[None]:
    """Matrix products in full float32 inside, so that a device gives what the CPU gives, up to rounding."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
