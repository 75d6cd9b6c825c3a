"""The function of the job ``gate_basis``: members as the basis gives them back, measured as any adapter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernels.families.expanding import save_expanded
from kernels.families.files import read_basis, read_member
from workers.computing import Report
from workers.evaluation.run import evaluate


def measure(argument: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Decompress every member and evaluate it: what :func:`workers.evaluation.run.evaluate` returns.

    ``argument`` is that of ``evaluate``; each subject has ``coefficients``, its file, and in ``files`` what else it
    brings. ``basis`` is the basis's file.
    """
    if not argument["subjects"]:
        return {"versions": {}, "results": []}
    basis = read_basis(Path(argument["basis"]))
    scratch = Path(argument["scratch"]) / "decompressed"
    subjects: list[dict[str, Any]] = []
    for given in argument["subjects"]:
        report(0.0, f"decompressing member {len(subjects) + 1} of {len(argument['subjects'])}")
        folder = scratch / str(given["evaluation_id"])
        save_expanded(basis, read_member(Path(given["coefficients"]), basis), folder)
        own = {path.name: str(path) for path in folder.iterdir()}
        subjects.append({**given, "files": {**given["files"], **own}})
    return evaluate({**argument, "subjects": subjects}, report)
