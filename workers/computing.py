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
    ``declared_base``, ``claims``. Returns ``Inspection.as_dict()`` and ``judged_against``, the base's id or None.
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
    return inspection.as_dict() | {"judged_against": base.id if base else None}


def describe_base(argument: dict[str, Any], report: Report) -> dict[str, Any]:
    """Build the shape table of a base model on the meta device, without its weights.

    ``argument``: ``config``, ``id``, ``revision``. Returns ``{"table": BaseShapes.as_dict()}``.
    """
    from kernels.meta_shapes import shape_table_from_config

    report(0.1, "building the model on the meta device")
    table = shape_table_from_config(argument["config"], id=argument["id"], revision=argument["revision"])
    return {"table": table.as_dict()}
