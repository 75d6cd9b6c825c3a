"""Write kernels/formats/peft_schema.json: every PEFT type's config keys with their defaults, by introspection.

Run it after a new PEFT is pinned: python scripts/make_peft_schema.py
"""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "kernels" / "formats" / "peft_schema.json"


def plain(value: Any) -> Any:
    """A default as JSON would hold it; anything without a JSON form becomes null."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, set | tuple):
        return sorted(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {key: plain(item) for key, item in dataclasses.asdict(value).items()}
    return value if isinstance(value, str | int | float | bool | list | dict) else None


def fields_of(config_class: type) -> dict[str, Any]:
    """Field name to plain default."""
    table: dict[str, Any] = {}
    for field in dataclasses.fields(config_class):
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        table[field.name] = None if default is dataclasses.MISSING else plain(default)
    table.pop("runtime_config", None)
    return dict(sorted(table.items()))


def schema() -> dict[str, Any]:
    """The whole table, as it is written."""
    import peft
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    types = {str(kind.value): fields_of(cls) for kind, cls in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    return {"peft_version": peft.__version__, "types": dict(sorted(types.items()))}


if __name__ == "__main__":
    TARGET.write_text(json.dumps(schema(), indent=1, sort_keys=True) + "\n", "utf-8")
    sys.stdout.write(f"{TARGET.name}: {len(schema()['types'])} types\n")
