"""Refuse, before any compute, what facts and manifests already tell cannot be measured."""

from typing import Any

from catalog.adapters.blobs import is_whole
from catalog.adapters.models import BlobState, Revision, RevisionState
from catalog.bases.models import BaseModel
from catalog.errors import Busy, Conflict, Gone, Unprocessable
from catalog.evaluations.harnesses import GENERATES, NEEDS_HEAD
from catalog.evaluations.models import SetRevision
from catalog.evaluations.offering import require_offered

_ACCEPTED = (RevisionState.PENDING, RevisionState.PUBLISHED, RevisionState.YANKED)
# Models that read and never write: they have no next token.
_ENCODERS = frozenset(
    """
    albert bert camembert deberta deberta-v2 distilbert electra ernie esm layoutlm longformer mobilebert modernbert
    mpnet nomic_bert rembert roberta roformer squeezebert xlm-roberta xlm-roberta-xl
    """.split()  # noqa: SIM905  (a list of twenty quoted words reads worse)
)
_CLASSIFIES = frozenset({"SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS"})
_HEADS = {
    "sequence_classification": "ForSequenceClassification",
    "token_classification": "ForTokenClassification",
}
_OUTPUT = "out_proj.weight"


def require_measurable(revision: Revision) -> BaseModel:
    """The base model of a revision that validation accepted and whose bytes are here.

    Raises:
        Conflict: ``not_published`` (it has no verdict, or a bad one). Gone: ``bytes_removed``.
        Busy: ``blob_damaged``. Unprocessable: ``unknown_base_model``.
    """
    if revision.state not in _ACCEPTED:
        raise Conflict("not_published", f"{revision} is {revision.state}", hint="Only accepted revisions are measured.")
    if revision.manifest is not None:
        raise Gone("bytes_removed", f"{revision} is {revision.state}; its bytes were removed")
    if not is_whole(revision):
        raise Busy("blob_damaged", f"the store's copy of {revision} is damaged", hint="Push the same files again.")
    if revision.base_model is None:
        raise Unprocessable("unknown_base_model", f"{revision} has no registered base model")
    return revision.base_model


def require_rows(on: SetRevision) -> None:
    """Raise Gone ``set_withdrawn``, or Busy ``blob_damaged`` unless every file of the set is here and right."""
    require_offered(on)
    if on.files.exclude(blob__state=BlobState.STORED).exists():
        raise Busy("blob_damaged", f"the store's copy of {on} is damaged", hint="Send the same files again.")


def require_fit(revision: Revision | None, base: BaseModel, on: SetRevision, settings: dict[str, Any]) -> None:
    """Refuse a subject that ``on`` cannot measure. Without a ``revision`` it is the base model alone.

    Whether a tokenizer lies beside the base model's weights only a worker can see.

    Raises:
        Unprocessable: ``harness_mismatch``, ``no_head``, ``labels_do_not_fit``.
    """
    if on.harness in GENERATES:
        _require_language_model(revision, base, on)
    if on.harness not in NEEDS_HEAD:
        return
    rows = head_rows(revision.facts) if revision is not None else None
    if rows is None:
        if not has_own_head(base, on):
            _require_probe(revision or base, on, settings)
    elif rows and len(on.labels) not in rows:
        raise Unprocessable(
            "labels_do_not_fit",
            f"the head of {revision} has {_listed(rows)} rows; {on} has {len(on.labels)} labels",
            field="evaluation_set",
            hint="Choose a set with the adapter's labels.",
        )


def require_companion(revision: Revision | None, companion: Revision) -> None:
    """Raise Unprocessable ``companion_does_not_fit`` unless the updates of both can be added on one base model."""
    why = ""
    if revision is None:
        why = "a base model alone has no companion"
    elif revision.pk == companion.pk:
        why = f"{revision} cannot be its own companion"
    elif revision.base_model_id != companion.base_model_id:
        why = f"{companion} is made for {companion.base_model}, {revision} for {revision.base_model}"
    elif companion.facts.get("heads"):
        why = f"{companion} brings a head of its own"
    else:
        other = next((one for one in (revision, companion) if one.facts.get("method") != "lora"), None)
        why = f"{other} is {other.facts.get('method') or 'of no known method'}" if other else ""
    if why:
        raise Unprocessable(
            "companion_does_not_fit",
            f"{why}; only the updates of two plain LoRAs on one base model are added",
            field="companion",
            hint="Choose a LoRA without a head, made for the same base model.",
        )


def has_own_head(base: BaseModel, on: SetRevision) -> bool:
    """Whether the base model brings a head of the set's kind, as its architecture says."""
    return base.architecture.endswith(_HEADS[on.harness])


def head_rows(facts: dict[str, Any]) -> set[int] | None:
    """How many labels each head of an adapter tells apart; None without a head, empty where its tensors do not say."""
    heads = facts.get("heads") or []
    if not heads:
        return None
    return {rows for head in heads if (rows := _rows_of(head.get("tensors") or {}))}


def _rows_of(tensors: dict[str, list[int]]) -> int:
    """Rows of a head's last matrix; 0 where several could be the last."""
    matrices = {name: shape for name, shape in tensors.items() if len(shape) == 2}
    if len(matrices) == 1:
        return int(next(iter(matrices.values()))[0])
    last = [shape for name, shape in matrices.items() if name.endswith(_OUTPUT)]
    return int(last[0][0]) if len(last) == 1 else 0


def _require_probe(subject: Any, on: SetRevision, settings: dict[str, Any]) -> None:
    has_train = on.files.filter(split="train").exists()
    if settings["with_probe"] and has_train:
        return
    what = f"{subject} has no head, and {on} asks for labels"
    if settings["with_probe"]:
        raise Unprocessable("no_head", f"{what}; it has no split train to fit a probe on", field="evaluation_set")
    raise Unprocessable(
        "no_head",
        what,
        field="settings",
        hint="Ask for a linear probe (with_probe), which is fitted on the split train."
        if has_train
        else "The set has no split train either, on which a linear probe could be fitted.",
    )


def _require_language_model(revision: Revision | None, base: BaseModel, on: SetRevision) -> None:
    task_type = revision.facts.get("task_type") if revision is not None else None
    if base.model_type in _ENCODERS or task_type in _CLASSIFIES:
        subject = f"{revision} is made for {task_type}" if task_type in _CLASSIFIES else f"{base} is {base.model_type}"
        raise Unprocessable(
            "harness_mismatch",
            f"{subject}, which writes no text; {on} asks for text",
            field="evaluation_set",
            hint="Choose a set for classification or embeddings.",
        )


def _listed(rows: set[int]) -> str:
    return " or ".join(str(count) for count in sorted(rows))
