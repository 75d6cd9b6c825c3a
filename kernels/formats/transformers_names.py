"""How transformers names a model's modules: the prefix of a body inside a head model, and names it gave up."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

# Prefixes of some classes name a part of a body elsewhere: dropping them would mistake one part for another.
_PARTS = re.compile(r"encoder|decoder|vision|audio|video|tower|detector|tracker|\.")


@cache
def _table() -> dict[str, Any]:
    text = files(__package__).joinpath("transformers_names.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def prefix_of(model_type: str | None) -> str | None:
    """transformers' `base_model_prefix` of an architecture, `model_type` itself where it is not a known one."""
    if model_type is None:
        return None
    return str(_table()["prefixes"].get(model_type, model_type.replace("-", "_")))


@cache
def known_prefixes() -> frozenset[str]:
    """Every prefix that only says which model a body is of, such as `bert`."""
    return frozenset(prefix for prefix in _table()["prefixes"].values() if not _PARTS.search(prefix))


@cache
def _renames(model_type: str | None) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(former), now) for former, now in _table()["renames"].get(model_type, ()))


def has_renames(model_type: str | None) -> bool:
    """Whether transformers renamed modules of this architecture."""
    return bool(_renames(model_type))


def current_name(path: str, model_type: str | None) -> str:
    """A module's path as the pinned transformers has it; a current path is returned as it is.

    Adapters trained before a renaming and checkpoints keep the former names, and PEFT still loads them.
    """
    for former, now in _renames(model_type):
        path = former.sub(now, path, count=1)
    return path
