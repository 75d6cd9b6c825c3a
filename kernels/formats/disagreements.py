"""Where the file says one thing and its configuration, its card or its uploader another: both are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .adapter_config import is_local_path
from .canonical import Grouped
from .patterns import ends_with
from .peft import rank_of

_TASKS = {
    "SEQ_CLS": {"text-classification", "sentiment-analysis", "zero-shot-classification", "sentence-similarity"},
    "CAUSAL_LM": {"text-generation", "conversational", "question-answering", "summarization", "translation"},
    "TOKEN_CLS": {"token-classification", "ner"},
    "QUESTION_ANS": {"question-answering"},
    "SEQ_2_SEQ_LM": {"text2text-generation", "translation", "summarization", "question-answering"},
    "FEATURE_EXTRACTION": {"feature-extraction", "sentence-similarity"},
}
_KNOWN_TASKS = frozenset().union(*_TASKS.values())


def declared_base(option: str | None, config: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
    """`declared`, `declared_from`, `in_config`, `is_path`: a local path in a config never counts as declared."""
    in_config = config.get("base_model_name_or_path") or config.get("model_name")
    in_config = in_config if isinstance(in_config, str) and in_config else None
    is_path = in_config is not None and is_local_path(in_config)
    from_card = card_base(claims)
    declared, source = option or claims.get("base"), "option"
    if not declared:
        declared, source = (in_config, "config") if in_config and not is_path else (from_card, "card")
    if not isinstance(declared, str):
        declared = None
    return {
        "declared": declared, "declared_from": source if declared else None, "in_config": in_config, "is_path": is_path
    }  # fmt: skip


def card_base(claims: Mapping[str, Any]) -> str | None:
    """The base model that the card's front matter names, the first of a list."""
    card = claims.get("card")
    value = card.get("base_model") if isinstance(card, Mapping) else None
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, str) and value else None


def find_disagreements(
    facts: Mapping[str, Any], base: Mapping[str, Any], grouped: Grouped, config: Mapping[str, Any],
    claims: Mapping[str, Any],
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows `{"fact", "from_file", "claimed", "source"}`, config first."""
    rows = [*_rank_rows(grouped, config), *_target_rows(facts, grouped, config), *_task_rows(facts, config)]
    rows += _base_rows(base, claims)
    task, task_type = claims.get("task"), facts.get("task_type")
    if task in _KNOWN_TASKS and task_type in _TASKS and task not in _TASKS[str(task_type)]:
        rows.append(_row("task", task_type, task, "uploader"))
    card = claims.get("card")
    if isinstance(card, Mapping):
        for fact, key in (("license", "license"), ("languages", "language")):
            stated, given = _listed(card.get(key)), _listed(claims.get(fact))
            if stated and given and stated != given:
                rows.append(_row(fact, given, stated, "card"))
    return rows


def same_model(left: str, right: str) -> bool:
    """Whether two ids name one model as far as spelling tells: last parts equal but for case and separators."""

    def fold(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", re.split(r"[\\/]", text.split("@")[0].rstrip("\\/"))[-1].lower())

    return fold(left) == fold(right)


def _rank_rows(grouped: Grouped, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    wrong = [
        (pair.module, pair.rank, declared)
        for pair in grouped.pairs
        if grouped.format == "peft"
        and (declared := rank_of(config, pair.module))
        and declared != pair.rank
        # Factors of stacked experts (target_parameters) hold one rank for each expert.
        and not (config.get("target_parameters") and pair.rank % declared == 0)
    ]
    if not wrong:
        return []
    real, claimed = sorted({rank for _, rank, _ in wrong}), sorted({declared for _, _, declared in wrong})
    row = _row("rank", real[0] if len(real) == 1 else real, claimed[0] if len(claimed) == 1 else claimed, "config")
    return [row | {"modules": len(wrong), "module": wrong[0][0]}]


def _target_rows(facts: Mapping[str, Any], grouped: Grouped, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    declared = config.get("target_modules")
    if grouped.format != "peft" or not isinstance(declared, list) or not facts["modules"]:
        return []
    modules = [pair.module for pair in grouped.pairs] + list(grouped.module_of.values())
    names = [str(name) for name in declared]
    unused = [name for name in names if not any(ends_with(module, name) for module in modules)]
    extra = {facts_leaf for facts_leaf in facts["target_modules"] if not _is_covered(facts_leaf, names, modules)}
    saved = set(grouped.saved.values())
    unused = [name for name in unused if not any(ends_with(module, name) for module in saved)]
    options = set(facts["options"]) & {"lora-tokens", "lora-moe-parameters"}
    if not unused and (not extra or options):
        return []
    return [_row("target_modules", list(facts["target_modules"]), sorted(names), "config")]


def _is_covered(leaf: str, names: list[str], modules: list[str]) -> bool:
    mine = [module for module in modules if module.rstrip("0123456789.").rsplit(".", 1)[-1] == leaf]
    return all(any(ends_with(module, name) for name in names) for module in mine)


def _task_rows(facts: Mapping[str, Any], config: Mapping[str, Any]) -> list[dict[str, Any]]:
    task_type, heads = facts.get("task_type"), [row["module"] for row in facts["heads"]]
    if facts["format"] != "peft":
        return []
    if task_type in ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS") and not heads:
        return [_row("head", None, task_type, "config")]
    if task_type == "CAUSAL_LM" and any(head.rsplit(".", 1)[-1] in ("classifier", "score") for head in heads):
        return [_row("head", heads, task_type, "config")]
    return []


def _base_rows(base: Mapping[str, Any], claims: Mapping[str, Any]) -> list[dict[str, Any]]:
    declared, source = base["declared"], base["declared_from"]
    if declared is None:
        return []
    rows = []
    in_config, in_card = base["in_config"], card_base(claims)
    if source == "option" and in_config and not base["is_path"] and not same_model(in_config, declared):
        rows.append(_row("base_model", declared, in_config, "config"))
    if source != "card" and in_card and not is_local_path(in_card) and not same_model(in_card, declared):
        rows.append(_row("base_model", declared, in_card, "card"))
    return rows


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return sorted(str(item).lower() for item in values if item)


def _row(fact: str, from_file: Any, claimed: Any, source: str) -> dict[str, Any]:
    return {"fact": fact, "from_file": from_file, "claimed": claimed, "source": source}
