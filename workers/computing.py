"""What the children compute. Plain values in, plain values out; no database, no Django."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Report = Callable[..., None]


def nothing(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """Nothing: whoever waits for it knows that children start."""
    return {}


def inspect_revision(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """Type an adapter and check it against its base model's shapes.

    ``argument``: ``files`` {path: local path}, ``base`` (a shape table or None), ``base_config`` (or None),
    ``declared_base``, ``claims``. Returns ``Inspection.as_dict()``, ``judged_against``, the base's id or None,
    ``requirements``, a table or None, and for an accepted one ``fingerprint``, as below, or None where that went wrong:
    nothing hangs on it.
    """
    from kernels.formats.base_shapes import BaseShapes
    from kernels.formats.inspection import inspect_folder

    base_config = argument["base_config"]

    def expected_shapes(adapter_config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
        from kernels.meta_shapes import expected_peft_shapes

        return expected_peft_shapes(base_config, adapter_config)

    base = BaseShapes.from_dict(argument["base"]) if argument["base"] else None
    inspection = inspect_folder(
        {path: Path(local) for path, local in argument["files"].items()},
        base=base,
        declared_base=argument["declared_base"] or None,
        claims=argument["claims"],
        expected_shapes=expected_shapes if base_config else None,
        progress=report,
    )
    found = inspection.as_dict() | {"judged_against": base.id if base else None}
    found["requirements"] = inspection.requirements.as_dict() if inspection.requirements else None
    if inspection.verdict == "accepted":
        try:
            found["fingerprint"] = fingerprint(argument, report)
        except (ValueError, MemoryError):
            found["fingerprint"] = None  # the job of its own asks again, and shows why
    return found


def fingerprint(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """The fingerprint of an adapter's files.

    ``argument``: ``files`` {path: local path}, ``base`` (a shape table or None). Returns the fields of
    ``kernels.similarity.fingerprint.Fingerprint``, both sketches in base64.
    """
    from base64 import b64encode
    from dataclasses import asdict

    from kernels.formats.base_shapes import BaseShapes
    from kernels.similarity.fingerprint import fingerprint_of

    report(0.0, "sketching the updates")
    base = BaseShapes.from_dict(argument["base"]) if argument["base"] else None
    found = fingerprint_of({path: Path(local) for path, local in argument["files"].items()}, base=base)
    codes = {name: b64encode(getattr(found, name)).decode("ascii") for name in ("update", "initial_a")}
    return asdict(found) | codes


def gather_evidence(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """Measure every module's update and compare it with peers', on a CUDA device where there is one.

    ``argument``: ``files`` {path: local path}, ``peers`` (their ``statistics``), ``device`` (optional). Returns
    ``statistics`` {module: five numbers}, ``comparison`` (None below three peers), ``peers`` and ``device``; or
    ``skipped`` {code, detail} for what has no low-rank factors.
    """
    from dataclasses import asdict

    import torch

    from kernels.evidence import MIN_PEERS, SpectralStatistics, adapter_statistics, compare_with_peers
    from kernels.formats.errors import FormatError
    from kernels.lowrank_io import load_updates

    device = argument.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    report(0.0, f"reading the factors, on {device}")
    try:
        updates = load_updates({path: Path(local) for path, local in argument["files"].items()}, device=device)
    except FormatError as error:
        return {"skipped": {"code": error.code, "detail": error.detail}}
    measured = adapter_statistics(updates, progress=lambda share: report(share, "measuring"))
    peers = [{name: SpectralStatistics(**said) for name, said in peer.items()} for peer in argument["peers"]]
    comparison = compare_with_peers(measured, peers).as_dict() if len(peers) >= MIN_PEERS else None
    statistics = {
        module: {name: float(f"{value:.6g}") for name, value in asdict(said).items()}
        for module, said in measured.items()
    }
    return {"statistics": statistics, "comparison": comparison, "peers": len(peers), "device": device}


def describe_base(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """Build the shape table of a base model on the meta device, without its weights.

    ``argument``: ``config``, ``id``, ``revision``. Returns ``{"table": BaseShapes.as_dict()}``.
    """
    from kernels.meta_shapes import shape_table_from_config

    report(0.1, "building the model on the meta device")
    table = shape_table_from_config(argument["config"], id=argument["id"], revision=argument["revision"])
    return {"table": table.as_dict()}
