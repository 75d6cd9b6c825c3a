"""Write kernels/formats/transformers_names.json: how transformers names the body of a model, and what it renamed.

Run it after a new transformers is pinned: python scripts/make_transformers_names.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "kernels" / "formats" / "transformers_names.json"


def prefixes() -> dict[str, str]:
    """Model type to `base_model_prefix` of its plain body; types whose body has no prefix are left out."""
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    found = {}
    for model_type, name in MODEL_MAPPING_NAMES.items():
        prefix = _attribute(
            getattr(transformers, name if isinstance(name, str) else name[0], None), "base_model_prefix"
        )
        if prefix:
            found[str(model_type)] = str(prefix)
    return found


def renames() -> dict[str, list[list[str]]]:
    """Model type to [[expression over a former name, what stands there now], ...], in the order of application."""
    import transformers
    from transformers.conversion_mapping import _build_checkpoint_conversion_mapping

    types = set(transformers.CONFIG_MAPPING)
    found: dict[str, list[list[str]]] = {}
    for key, transforms in sorted(_build_checkpoint_conversion_mapping().items()):
        config_class = _attribute(getattr(transformers, key, None), "config_class")
        model_type = key if key in types else getattr(config_class, "model_type", None)
        for transform in transforms:
            row = _row(transform)
            if model_type and row and row not in found.setdefault(model_type, []):
                found[model_type].append(row)
    return {model_type: rows for model_type, rows in found.items() if rows}


def _attribute(model_class: Any, name: str) -> Any:
    """A class attribute; None for classes whose optional libraries are not installed."""
    try:
        return getattr(model_class, name, None)
    except ImportError:
        return None


def _row(transform: Any) -> list[str] | None:
    """A pure renaming of modules; conversions that split or join weights are left to PEFT."""
    is_renaming = type(transform).__name__ in ("WeightRenaming", "PrefixChange")
    if not is_renaming or len(transform.source_patterns) != 1 or len(transform.target_patterns) != 1:
        return None
    source, target = transform.compiled_sources.pattern, transform.target_patterns[0]
    inner = source.removeprefix("(?P<g0>").removesuffix(")") if source.startswith("(?P<g0>") else source
    is_of_a_parameter = inner.endswith(tuple(f"{name}(?!\\w)" for name in ("weight", "bias", "inv_freq", "gamma")))
    is_of_the_root = inner.startswith("^")  # what wraps a body is tolerated without a list
    return None if is_of_a_parameter or is_of_the_root else [inner, target]


def names() -> dict[str, Any]:
    """The whole table, as it is written."""
    import transformers

    return {"transformers_version": transformers.__version__, "prefixes": prefixes(), "renames": renames()}


def written(table: dict[str, Any]) -> str:
    """JSON with one line for each model type."""
    parts = [f'"transformers_version": {json.dumps(table["transformers_version"])}']
    for key in ("prefixes", "renames"):
        rows = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(table[key].items())]
        parts.append(f'"{key}": {{\n' + ",\n".join(rows) + "\n }")
    return "{\n " + ",\n ".join(parts) + "\n}\n"


if __name__ == "__main__":
    table = names()
    TARGET.write_text(written(table), "utf-8")
    sys.stdout.write(f"{TARGET.name}: {len(table['prefixes'])} prefixes, {len(table['renames'])} renamed types\n")
