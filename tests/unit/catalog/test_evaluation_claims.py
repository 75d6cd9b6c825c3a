"""What a card claims is read as claims: typed, bounded, and apart from every measurement."""

import pytest

from catalog.adapters.models import Revision
from catalog.cards import split_card
from catalog.evaluations.claims import MOST_CLAIMS, claims_of
from catalog.evaluations.models import Evaluation
from tests.unit.catalog.factories import lora_files, make_namespace, make_user, push

CARD = """---
license: mit
model-index:
- name: mine
  results:
  - task: {type: text-classification, name: Sentiment}
    dataset: {type: sst2, name: SST-2, config: default, split: test}
    metrics:
    - {type: accuracy, value: 0.93, name: Accuracy}
    - {type: f1, value: "0.91"}
    - {type: loss, value: .nan}
    - {type: speed, value: fast}
    source: {name: our paper, url: "javascript:alert(1)"}
---
# Mine
"""


def revision_with(card: object) -> Revision:
    return Revision(claims={"card": card})


def test_a_model_index_becomes_claims_and_what_is_no_number_is_left_out():
    card, _ = split_card(CARD)
    first, second = claims_of(revision_with(card))
    assert (first.task, first.dataset, first.split, first.metric, first.name) == (
        "text-classification",
        "SST-2",
        "test",
        "accuracy",
        "Accuracy",
    )
    assert (first.value, second.metric, second.value) == (0.93, "f1", 0.91)
    assert first.source == "our paper"


@pytest.mark.parametrize(
    "index",
    [
        None,
        "text",
        3,
        [None],
        [{"results": "x"}],
        [{"results": [{"metrics": {"type": "f1"}}]}],
        [{"results": [{"metrics": [{"value": 1}]}]}],
        [{"results": [{"metrics": [{"type": ["a"], "value": 1}, {"type": "a", "value": True}]}]}],
        [{"results": [{"metrics": [{"type": "a", "value": "1e999"}, {"type": "a", "value": "9" * 5000}]}]}],
    ],
)
def test_anything_else_claims_nothing(index):
    assert claims_of(revision_with({"model-index": index})) == []
    assert claims_of(revision_with(index)) == []


def test_a_card_of_a_million_claims_is_cut():
    metric = {"type": "x" * 5000, "value": 1.0}
    claims = claims_of(revision_with({"model-index": [{"results": [{"metrics": [metric] * 500}] * 500}]}))
    assert len(claims) == MOST_CLAIMS
    assert len(claims[0].metric) == 200


@pytest.mark.django_db
def test_a_pushed_card_claims_and_measures_nothing():
    owner = make_user("owner")
    make_namespace(owner)
    revision = push(owner, {**lora_files(), "README.md": CARD.encode()})
    revision.refresh_from_db()
    assert [claim.metric for claim in claims_of(revision)] == ["accuracy", "f1"]
    assert not Evaluation.objects.exists()
