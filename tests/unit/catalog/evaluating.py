"""Makers of evaluation sets and measured evaluations, through the real services; no model is loaded."""

import io
import json
from typing import Any

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision, record_verdict
from catalog.evaluations.manifests import read_manifest
from catalog.evaluations.models import Evaluation, SetRevision
from catalog.evaluations.recording import record_results
from catalog.evaluations.sets import SentFile, add_revision, create_set
from catalog.jobs.models import Job
from tests.unit.catalog.factories import push

LABELS = ["negative", "positive"]
ROWS = [{"text": f"words {n}", "label": LABELS[n % 2]} for n in range(6)]
MANIFEST: dict[str, Any] = {
    "harness": "sequence_classification",
    "metric": "accuracy",
    "columns": {"text": "text", "label": "label"},
    "labels": LABELS,
    "license": "cc-by-4.0",
    "languages": ["de"],
    "task": "sentiment",
}


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    """Rows as JSON lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def sent(data: bytes, path: str = "test.jsonl") -> SentFile:
    """A split as it arrives."""
    return SentFile(path, io.BytesIO(data), len(data))


def make_set(
    actor: User,
    full_name: str = "lab/mood",
    *,
    visibility: str = "public",
    files: dict[str, bytes] | None = None,
    **manifest: Any,
) -> SetRevision:
    """A set with one revision of six rows and the split ``train``."""
    made = create_set(actor, full_name=full_name, visibility=visibility, exist_ok=True)
    files = {"test": json_lines(ROWS), "train": json_lines(ROWS[:4])} if files is None else files
    sent_files = {split: sent(data, f"{split}.jsonl") for split, data in files.items()}
    return add_revision(actor, made, read_manifest({**MANIFEST, **manifest}), sent_files).revision


def facts_with_head(rows: int = 2) -> dict[str, Any]:
    """What validation finds out about a LoRA with a classification head."""
    heads = [{"module": "classifier", "tensors": {"bias": [rows], "weight": [rows, 16]}}]
    return {"method": "lora", "rank": 4, "task_type": "SEQ_CLS", "heads": heads}


def classifier(
    actor: User, base: Any, adapter: str = "lab/ner", *, rows: int = 2, published: bool = True, **options: Any
) -> Revision:
    """A pushed and accepted revision with a head of so many rows."""
    inspection = {"verdict": "accepted", "facts": facts_with_head(rows), "findings": []}
    revision = record_verdict(push(actor, adapter=adapter, **options), inspection=inspection, base=base)
    revision.refresh_from_db()
    if published and revision.state == "pending":
        revision = publish_revision(revision, actor=actor)
    return revision


def measured_row(evaluation: Evaluation, score: float, right: list[int] | None = None) -> dict[str, Any]:
    """What the child says about one evaluation."""
    right = right or [1, 1, 1, 0, 0, 0]
    return {
        "evaluation_id": str(evaluation.pk),
        "metrics": {"accuracy": {"value": score, "low": score - 0.1, "high": score + 0.1, "higher_is_better": True}},
        "predictions": {"answer": ["positive"] * len(right), "right": right},
        "used": {"batch_size": 8},
        "efficiency": {"parameters": 128},
        "seconds": 0.5,
    }


def measure(evaluation: Evaluation, score: float = 0.5, right: list[int] | None = None) -> Evaluation:
    """Record a score for ``evaluation`` and end its job; what else the job measured gets a low one."""
    job = evaluation.job
    assert isinstance(job, Job)
    others = Evaluation.objects.filter(job=job, state="waiting").exclude(pk=evaluation.pk)
    rows = [measured_row(evaluation, score, right), *(measured_row(other, 0.25) for other in others)]
    record_results(job, {"versions": {"torch": "2"}, "results": rows})
    Job.objects.filter(pk=job.pk).update(state="succeeded")
    evaluation.refresh_from_db()
    return evaluation
