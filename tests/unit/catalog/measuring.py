"""Makers of evaluation sets and of finished evaluations, as rows: what a worker would have recorded."""

import hashlib
import json
import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from catalog.accounts.models import Namespace, User
from catalog.adapters.models import Blob, Revision
from catalog.adapters.publication import publish_revision
from catalog.bases.models import BaseModel
from catalog.evaluations.answers import pack
from catalog.evaluations.models import Evaluation, EvaluationSet, Predictions, SetFile, SetRevision
from catalog.evaluations.options import read_settings
from catalog.store import blob_store
from tests.unit.catalog.factories import accept, lora_files, push

LABELS = ["negative", "positive"]


def make_set(
    namespace: Namespace,
    name: str = "films",
    *,
    rows: list[dict[str, Any]] | None = None,
    number: int = 1,
    visibility: str = "public",
    **given: Any,
) -> SetRevision:
    """A revision of a set of films; ``rows`` go into the store as its file ``test.jsonl``."""
    found, _ = EvaluationSet.objects.get_or_create(
        namespace=namespace, name=name, defaults={"visibility": visibility, "summary": "Sentences about films"}
    )
    fields: dict[str, Any] = {
        "digest": hashlib.sha256(f"{namespace.name}/{name}@{number}".encode()).hexdigest(),
        "harness": "sequence_classification",
        "metric": "accuracy",
        "task": "text-classification",
        "languages": ["en"],
        "license": "MIT",
        "labels": LABELS,
        "columns": {"text": "text", "label": "label"},
        "rows": len(rows) if rows is not None else 4,
        "size_bytes": 400,
    }
    revision = SetRevision.objects.create(evaluation_set=found, number=number, **fields | given)
    if rows is not None:
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        SetFile.objects.create(revision=revision, split="test", path="test.jsonl", blob=stored(data))
    return revision


def publish_for(base: BaseModel, owner: User, name: str = "lab/ner", *, version: str, seed: int = 1) -> Revision:
    """A published version of an adapter that was confirmed to fit ``base``."""
    revision = accept(push(owner, lora_files(seed=seed), name, version=version), base)
    if revision.state == "pending":
        revision = publish_revision(revision, actor=owner)
    return Revision.objects.get(pk=revision.pk)


def stored(data: bytes) -> Blob:
    """A blob whose bytes are in the store."""
    digest = hashlib.sha256(data).hexdigest()
    staging = f"{uuid.uuid4().hex}/0"
    blob_store().write_part(staging, 1, [data], size_bytes=len(data))
    receipt = blob_store().promote(staging, [1], sha256=digest)
    return Blob.objects.get_or_create(
        sha256=digest, defaults={"git_id": receipt.git_id, "size_bytes": len(data), "state": "stored"}
    )[0]


def measure(
    revision: Revision | None,
    set_revision: SetRevision,
    right: list[float],
    *,
    answers: list[Any] | None = None,
    base: BaseModel | None = None,
    days_ago: float = 0,
    rows: list[int] | None = None,
    **given: Any,
) -> Evaluation:
    """A finished evaluation whose answers were right (1), wrong (0) or in between; its score is their mean."""
    base_model = base or (revision.base_model if revision is not None else None)
    assert base_model is not None
    score = given.pop("score", sum(right) / len(right) if right else 0.0)
    low, high = given.pop("low", max(0.0, score - 0.1)), given.pop("high", min(1.0, score + 0.1))
    is_higher = given.pop("higher_is_better", True)
    metric = {"value": score, "low": low, "high": high, "higher_is_better": is_higher}
    columns = {"answer": answers if answers is not None else [int(value) for value in right], "right": right}
    deflated, digest = pack(columns | ({"row": rows} if rows is not None else {}))
    fields: dict[str, Any] = {
        "state": "measured",
        "metrics": {set_revision.metric: metric},
        "score": score,
        "score_low": low,
        "score_high": high,
        "predictions_digest": digest,
        "used": {"batch_size": 32, "device": "cpu", "rows": len(right)},
        "versions": {"torch": "2.13.0", "transformers": "5.0.0"},
        "settings": read_settings(given.pop("settings", {})),
        "seconds": 1.5,
        "measured_at": timezone.now() - timedelta(days=days_ago),
    }
    made = Evaluation.objects.create(
        revision=revision, base_model=base_model, set_revision=set_revision, **fields | given
    )
    Predictions.objects.create(evaluation=made, deflated=deflated)
    return made
