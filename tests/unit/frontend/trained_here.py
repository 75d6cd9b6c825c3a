"""An adapter that a training made on this hub, published, with its comparison."""

from pathlib import Path

import pytest

from catalog.adapters.publication import publish_revision, record_verdict
from catalog.adapters.storing import store_folder
from catalog.derivations.adapting import request_adaptation
from catalog.derivations.drafting import receipts_as_dict
from catalog.derivations.models import Derivation
from catalog.derivations.trained import record_trained
from tests.unit.catalog.evaluating import make_set
from tests.unit.catalog.factories import lora_files
from tests.unit.frontend.conftest import FACTS

SIDE = {"low": 0.7, "high": 0.9, "head_parameters": 770}
REPORT = {
    "metric": "accuracy",
    "train_rows": 1200,
    "sides": [
        {"name": "coefficients", "score": 0.8125, "trained_parameters": 5120, "seconds": 20.7, **SIDE},
        {"name": "full_lora", "score": 0.85, "trained_parameters": 73728, "seconds": 17.6, **SIDE},
        {"name": "base_alone", "score": 0.5, "trained_parameters": 0, "seconds": None, **SIDE, "head_parameters": None},
    ],
    "subspace": {"members": 1, "modules": 12, "mean_components": 26.67},
}


@pytest.fixture
def learnt(catalog, published, tmp_path: Path) -> Derivation:
    """``team/learnt``, published, which a training made of ``team/ner-de``."""
    make_set(catalog.owner, "team/mood")
    asked = request_adaptation(
        catalog.owner, adapter="team/learnt", members=["team/ner-de"], evaluation_set="team/mood", version="1.0.0"
    )
    for path, data in lora_files(seed=77).items():
        (tmp_path / path).write_bytes(data)
    outcome = {
        "receipts": receipts_as_dict(store_folder(tmp_path)),
        "card": "Learnt.",
        "report": REPORT,
        "made_with": {},
    }
    assert asked.job is not None
    record_trained(asked.job, outcome)
    asked.refresh_from_db()
    revision = asked.revision
    assert revision is not None
    inspection = {"verdict": "accepted", "facts": FACTS, "findings": []}
    publish_revision(record_verdict(revision, inspection=inspection, base=catalog.base), actor=catalog.owner)
    return asked
