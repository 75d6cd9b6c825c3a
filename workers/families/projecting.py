"""The function of the job ``project_revision``: a new version's coefficients on a basis that was made without it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernels.families.encoding import Encoding
from kernels.families.files import read_basis, write_member
from kernels.families.stored import StoredBasis, StoredMember, project, relative_squared_errors
from kernels.lowrank import LowRankUpdate
from workers.computing import Report
from workers.families.assembling import full_tensors
from workers.families.fitting import Work


def project_revision(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Write the coefficients into ``out`` and say what the basis misses of them.

    ``argument``: ``basis``, ``file`` and ``modules`` (as of ``fit_modules``, with one member), ``heads`` (a file or
    None), ``heads_dtype`` (or None), ``settings``, ``coefficients``, ``rank`` (that it is cut to, or None), ``out``.
    """
    report(0.0, "projecting")
    basis = read_basis(Path(argument["basis"]))
    work = Work.open(argument)
    adapter = {module["name"]: work.updates(module)[0] for module in argument["modules"]}
    inside = {name: update for name, update in adapter.items() if name in basis.modules}
    found = project(basis, inside, rank=argument.get("rank"))
    full, dtype = full_tensors(Path(argument["heads"])) if argument["heads"] else ({}, "float32")
    written = write_member(
        Path(argument["out"]),
        basis,
        StoredMember(found.coefficients, found.cluster, full, argument["settings"]),
        encoding=Encoding(argument["coefficients"]),
        head_encoding=Encoding(argument["heads_dtype"] or dtype),
    )
    return {"cluster": written.cluster, "is_zero": not written.coefficients} | _missed(basis, written, adapter)


def _missed(basis: StoredBasis, written: StoredMember, adapter: Mapping[str, LowRankUpdate]) -> dict[str, Any]:
    """Errors by module and of the whole; a module that the basis does not know is missed wholly."""
    errors = relative_squared_errors(basis, written, adapter)
    squares = {name: update.norm() ** 2 for name, update in adapter.items()}
    total = sum(squares.values())
    missed = sum(errors[name] * squares[name] for name in adapter)
    return {
        "relative_squared_error": missed / total if total else 0.0,
        "module_errors": {name: float(f"{error:.6g}") for name, error in errors.items()},
    }
