"""The allow-list for adapter_config.json: keys by PEFT type, values by key.

Several keys of PEFT and transformers configurations end in an import or a download when a user loads the adapter.
What PEFT itself would write passes; anything else is refused by name, unless it is inert.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .errors import Finding, FormatError

MAX_CONFIG_BYTES = 1024 * 1024
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TRANSFORMERS_MODULE = re.compile(r"transformers\.models(\.[A-Za-z_][A-Za-z0-9_]*)+")
_REVISION = re.compile(r"[A-Za-z0-9_][\w.\-/]{0,199}")
_PATH_LIKE = re.compile(r"^\s*(/|~|\\\\|[A-Za-z]:[\\/]|\.{1,2}([\\/]|$))|(^|[\\/])\.\.([\\/]|$)")
_URL_LIKE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\\?/\\?/")
_BASE_KEYS = frozenset({"base_model_name_or_path", "tokenizer_name_or_path"})
_PATTERN_KEYS = frozenset(
    {
        "target_modules", "exclude_modules", "rank_pattern", "alpha_pattern", "layers_pattern", "target_parameters",
        "feedforward_modules", "modules_to_save", "trainable_token_indices", "prompt_tuning_init_text", "loftq_config",
    }
)  # fmt: skip
# Keys that load code or files somewhere downstream; refused whenever they say anything.
_CODE_KEYS = frozenset(
    {
        "auto_map",
        "custom_code",
        "trust_remote_code",
        "_attn_implementation_internal",
        "custom_pipelines",
        "code_revision",
    }
)


def load_config(path: Path) -> dict[str, Any]:
    """Read a JSON object of at most 1 MiB; FormatError `config_malformed` for anything else."""
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise FormatError(
            "config_malformed", f"{path.name} has {path.stat().st_size} bytes.", expected=MAX_CONFIG_BYTES,
            received=path.stat().st_size,
        )  # fmt: skip
    try:
        config = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FormatError("config_malformed", f"{path.name} is not valid JSON: {error}"[:300]) from None
    if not isinstance(config, dict):
        raise FormatError("config_malformed", f"{path.name} must hold a JSON object.", expected="{...}")
    return config


def check_config(config: Mapping[str, Any]) -> tuple[str | None, list[Finding]]:
    """(declared `peft_type` or None, findings) for a PEFT or other adapter configuration.

    A key that the pinned PEFT does not know for this type passes with a warning when it is null, false or empty.
    """
    declared = config.get("peft_type")
    peft_type = declared if isinstance(declared, str) else None
    if declared is None:
        refused = [_refused(key, value) for key, value in config.items() if key in _CODE_KEYS and value]
        return None, [*refused, *_check_auto_mapping(config.get("auto_mapping"))]
    findings: list[Finding] = []
    if peft_type is None or peft_type not in known_types():
        findings.append(
            Finding(
                "peft_type_unknown", "warning", f"peft_type {declared!r:.60} is not one of PEFT's types.",
                "The tensors alone decide what this adapter is.", expected=sorted(known_types()),
                received=str(declared)[:60],
            )
        )  # fmt: skip
    allowed = _allowed_keys(peft_type)
    for key, value in config.items():
        if key in allowed:
            findings += [] if value == allowed[key] else _check_value(key, value)
        elif value is None or value is False or value in ("", [], {}):
            findings.append(
                Finding(
                    "config_key_ignored",
                    "warning",
                    f"{key!r:.80} is no key of {declared}; it is empty.",
                    received=value,
                )
            )
        else:
            findings.append(_unknown_key(key, value, str(declared)))
    return peft_type, findings


@cache
def _schema() -> dict[str, dict[str, Any]]:
    text = files(__package__).joinpath("peft_schema.json").read_text("utf-8")
    types: dict[str, dict[str, Any]] = json.loads(text)["types"]
    return types


def known_types() -> frozenset[str]:
    """The PEFT types of the pinned version."""
    return frozenset(_schema())


def _allowed_keys(peft_type: str | None) -> dict[str, Any]:
    """Key to default; every key of every type when the type is not known."""
    if peft_type in known_types():
        return _schema()[str(peft_type)]
    return {key: None for table in _schema().values() for key in table}


def _unknown_key(key: str, value: Any, declared: str) -> Finding:
    return Finding(
        "config_key_unknown", "error", f"{key!r:.80} is no key of a {declared[:60]} configuration.",
        "Remove the key, or save the adapter again with the library that trained it.",
        expected="a key that PEFT writes", received=_short(value),
    )  # fmt: skip


def _refused(key: str, value: Any, expected: Any = None, hint: str = "") -> Finding:
    return Finding(
        "config_value_refused", "error", f"{key!r:.80} may not be {_short(value)!r}.",
        hint or "Set it to null.", expected=expected, received=_short(value),
    )  # fmt: skip


def _check_value(key: str, value: Any) -> Iterator[Finding]:
    """Findings for the value of a known key."""
    if key in _BASE_KEYS:
        yield from _check_base(key, value)
    elif key == "auto_mapping":
        yield from _check_auto_mapping(value)
    elif key in ("megatron_config", "prompt_tuning_init_state_dict_path"):
        if value is not None:
            yield _refused(key, value, expected=None)
    elif key == "megatron_core":
        if value not in (None, "megatron.core"):
            yield _refused(key, value, expected="megatron.core")
    elif key == "tokenizer_kwargs":
        if value:
            yield _refused(key, value, expected=None)
    elif key == "revision":
        if value is not None and not (isinstance(value, str) and _REVISION.fullmatch(value) and ".." not in value):
            yield _refused(key, value, expected="a branch, tag or commit")
    elif key in ("r", "init_r"):
        if value is not None and not (type(value) is int and 0 < value <= 65536):
            yield _refused(key, value, expected="a positive integer", hint="Give the rank that was trained.")
    elif key == "lora_alpha":
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            yield _refused(key, value, expected="a number", hint="Give the alpha that was trained.")
    else:
        yield from _check_strings(key, value)


def _check_base(key: str, value: Any) -> Iterator[Finding]:
    if value is None:
        return
    if not isinstance(value, str) or _URL_LIKE.search(value) or "\x00" in value or len(value) > 1000:
        yield _refused(key, value, expected="the id of a model", hint="Write the base model's id, such as org/name.")


def _check_auto_mapping(value: Any) -> Iterator[Finding]:
    if value is None or value == {}:
        return
    if not isinstance(value, dict) or set(value) - {"base_model_class", "parent_library", "unsloth_fixed"}:
        yield _refused("auto_mapping", value, expected=["base_model_class", "parent_library"])
        return
    library, name = value.get("parent_library"), value.get("base_model_class")
    if library is not None and not (isinstance(library, str) and _TRANSFORMERS_MODULE.fullmatch(library)):
        yield _refused("auto_mapping.parent_library", library, expected="transformers.models.*")
    if name is not None and not (isinstance(name, str) and _IDENTIFIER.fullmatch(name)):
        yield _refused("auto_mapping.base_model_class", name, expected="a class name")
    if value.get("unsloth_fixed") not in (None, True, False):
        yield _refused("auto_mapping.unsloth_fixed", value["unsloth_fixed"], expected="true or false")


def _check_strings(key: str, value: Any) -> Iterator[Finding]:
    """No URL anywhere, and no path where none belongs."""
    for text in _strings(value):
        is_path = key not in _PATTERN_KEYS and _PATH_LIKE.search(text)
        if _URL_LIKE.search(text) or is_path or "\x00" in text:
            yield _refused(key, text, hint="Nothing here may point to a file or an address.")
            return


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


def is_local_path(text: str) -> bool:
    """Whether a base id is a path of somebody's machine (absolute, drive letter, dots), or an address."""
    deep = text.count("/") > 1 or "\\" in text
    return bool(_PATH_LIKE.search(text) or _URL_LIKE.search(text) or deep)


def _short(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)[:120]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key appears twice")
    return table


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not a JSON number")
