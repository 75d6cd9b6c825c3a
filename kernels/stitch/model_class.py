"""Which transformers class an adapter needs under it, told by its task type, its config and its head's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import CannotStitch

Shapes = Mapping[str, tuple[int, ...]]

AUTO_CLASS_BY_TASK_TYPE = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoModel",
}
# The layer that gives the logits, last in each kind of head: RoBERTa's, then BERT's and GPT-2's.
HEAD_ENDINGS = (
    "classifier.out_proj.weight",
    "classification_head.out_proj.weight",
    "classifier.weight",
    "score.weight",
)
HEADED_TASK_TYPES = frozenset({"SEQ_CLS", "TOKEN_CLS"})


def label_count(shapes: Shapes) -> int | None:
    """Rows of the head tensor `(num_labels, d)` in the adapter's file; None when it carries no head."""
    for ending in HEAD_ENDINGS:
        for name, shape in shapes.items():
            if name.endswith(f".{ending}") and len(shape) == 2:
                return shape[0]
    return None


def choose_model_class(config: Mapping[str, Any], shapes: Shapes) -> tuple[type, dict[str, Any]]:
    """The class to load the base model with, and the keyword arguments that its head needs.

    Order: the config's task type; the class named by `auto_mapping`, if transformers itself has it; a head in the
    file; else the bare model. Raises CannotStitch `unknown_task_type`.
    """
    labels = label_count(shapes)
    task_type = config.get("task_type")
    if task_type is None:
        named = _class_of_auto_mapping(config)
        if named is not None:
            return named, {"num_labels": labels} if labels else {}
        task_type = "SEQ_CLS" if labels else "FEATURE_EXTRACTION"
    if task_type not in AUTO_CLASS_BY_TASK_TYPE:
        known = ", ".join(AUTO_CLASS_BY_TASK_TYPE)
        raise CannotStitch("unknown_task_type", f"Task type {task_type!r} is none of {known}.", "Pass a loaded model.")
    import transformers

    model_class: type = getattr(transformers, AUTO_CLASS_BY_TASK_TYPE[task_type])
    return model_class, {"num_labels": labels} if labels and task_type in HEADED_TASK_TYPES else {}


def _class_of_auto_mapping(config: Mapping[str, Any]) -> type | None:
    """The class that PEFT noted, only if it is one of transformers' own models; no module is imported by name."""
    name = (config.get("auto_mapping") or {}).get("base_model_class")
    if not isinstance(name, str) or not name.isidentifier():
        return None
    import transformers

    found = getattr(transformers, name, None)
    is_model = isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)
    return found if is_model else None
