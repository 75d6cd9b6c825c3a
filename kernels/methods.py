"""The registry of adapter methods and the recogniser: config first, then tensors; never a file name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

_INIT_OPTIONS = {
    "olora": "olora", "corda": "corda", "lora_ga": "lora-ga", "loftq": "loftq", "eva": "eva",
    "orthogonal": "lora-orthogonal", "mica": "mica",
}  # fmt: skip
_SWITCH_OPTIONS = {
    "use_dora": "dora", "use_rslora": "rslora", "use_qalora": "qa-lora", "use_bdlora": "bd-lora",
    "alora_invocation_tokens": "alora", "kasa_config": "kasa", "velora_config": "velora",
    "monteclora_config": "monteclora", "arrow_config": "arrow", "lora_bias": "lora-bias",
    "trainable_token_indices": "lora-tokens", "target_parameters": "lora-moe-parameters",
    "layer_replication": "layer-replication", "rank_pattern": "dynamic-rank-lora",
}  # fmt: skip
_TENSOR_OPTIONS = {
    "lora_magnitude_vector": "dora", "lora_diag": "kasa", "lora_velora_embed": "velora",
    "lora_monteclora_sampler": "monteclora", "token_adapter": "lora-tokens",
}  # fmt: skip


@dataclass(frozen=True)
class Method:
    """One row of methods.toml."""

    id: str
    name: str
    family: str
    section: str
    low_rank: str
    level: str
    aliases: tuple[str, ...] = ()
    peft_type: str | None = None
    fork_peft_type: str | None = None
    switch: str | None = None
    config_names: tuple[str, ...] = ()
    tensors: tuple[str, ...] = ()
    inert_when_zero: tuple[str, ...] = ()
    inert_when_one: tuple[str, ...] = ()
    rank_tensor: str | None = None
    rank_axis: int = 0
    is_declared_only: bool = False
    paper: str = ""


@dataclass(frozen=True)
class Recognition:
    """What a file is: a method of the registry or `unknown`, and the options that hold for it."""

    method: str
    name: str
    family: str
    level: str
    is_low_rank: bool
    options: tuple[str, ...] = field(default_factory=tuple)
    declared_type: str | None = None


@cache
def methods() -> tuple[Method, ...]:
    """Every registered method, in the registry's order."""
    text = files(__package__).joinpath("methods.toml").read_text("utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["method"]
    return tuple(Method(**{key: _frozen(value) for key, value in row.items()}) for row in rows)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@cache
def by_id() -> dict[str, Method]:
    """Method id to row."""
    return {row.id: row for row in methods()}


def recognise(config: Mapping[str, Any] | None, tensors: Iterable[str], *, dialect: str = "peft") -> Recognition:
    """Name the method of a file from its config and tensor names; tensors win where the two disagree.

    `dialect` is the container found by `formats.dialects`. Returns `unknown`, level catalogue, when nothing matches.
    """
    config = config or {}
    names = list(tensors)
    parts = {part for name in names for part in name.split(".")}
    declared = config.get("peft_type")
    if dialect == "adapterhub":
        from .formats.adapterhub import method_of

        return _result(by_id()[method_of(config, names)])
    if dialect in ("diffusers", "cloneofsimo", "kohya", "mlx", "custom-sam"):
        return _lora_dialect(config, parts)
    row = _peft_method(str(declared) if declared else None, parts)
    if row is None:
        fork = next((row for row in methods() if row.fork_peft_type and row.fork_peft_type == declared), None)
        return _result(fork, declared=str(declared)) if fork else _unknown(str(declared) if declared else None)
    return _result(row, lora_options(config, parts) if row.id == "lora" else ())


def lora_options(config: Mapping[str, Any], parts: Iterable[str]) -> tuple[str, ...]:
    """Ids of the LoRA options that the config switches on or the tensors show, sorted."""
    found = {option for key, option in _SWITCH_OPTIONS.items() if config.get(key)}
    found |= {option for part, option in _TENSOR_OPTIONS.items() if part in set(parts)}
    start = config.get("init_lora_weights")
    if isinstance(start, str):
        if start.startswith("pissa"):
            found.add("pissa")
        elif start in _INIT_OPTIONS:
            found.add(_INIT_OPTIONS[start])
    if config.get("bias") not in (None, "none"):
        found.add("lora-bias")
    return tuple(sorted(found))


def _peft_method(declared: str | None, parts: set[str]) -> Method | None:
    """The declared type when its tensors are there, else the type whose own tensors are."""
    rows = [row for row in methods() if row.section == "peft"]
    claimed = next((row for row in rows if row.peft_type == declared), None)
    if claimed is not None and (not claimed.tensors or parts & set(claimed.tensors)):
        return claimed
    scored = [(len(parts & set(row.tensors)), row) for row in rows]
    best = max((score for score, _ in scored), default=0)
    winners = [row for score, row in scored if score == best]
    if best and len(winners) == 1:
        return winners[0]
    if best and winners[0].id == "lora":
        return winners[0]
    return claimed


def _lora_dialect(config: Mapping[str, Any], parts: set[str]) -> Recognition:
    for method_id, prefix in (("loha", "hada_"), ("lokr", "lokr_")):
        if any(part.startswith(prefix) for part in parts):
            return _result(by_id()[method_id])
    is_dora = bool(parts & {"dora_scale", "lora_magnitude_vector"}) or config.get("fine_tune_type") == "dora"
    return _result(by_id()["lora"], ("dora",) if is_dora else ())


def _result(row: Method, options: tuple[str, ...] = (), declared: str | None = None) -> Recognition:
    return Recognition(row.id, row.name, row.family, row.level, row.low_rank == "yes", options, declared)


def _unknown(declared: str | None) -> Recognition:
    return Recognition("unknown", declared or "unknown", "other", "catalogue", False, (), declared)
