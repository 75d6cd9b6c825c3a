"""Embeddings: documents ranked for queries, and likeness beside people's scores, with libraries as oracles."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.workers.small_models import (
    argument,
    make_adapter,
    make_base,
    say_nothing,
    sentences,
    subject,
    write_rows,
)

torch = pytest.importorskip("torch", reason="evaluations run on torch")
from workers.evaluation.correlation import correlation_metrics  # noqa: E402
from workers.evaluation.ranking import query_metrics, ranked  # noqa: E402
from workers.evaluation.run import evaluate  # noqa: E402


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(base, tmp_path_factory.mktemp("adapter"), seed=2, task="FEATURE_EXTRACTION")


def vectors(base: Path, adapter: Path | None, texts: list[str]) -> np.ndarray:
    """Text by text, as sentence-transformers does: the mean over tokens, then length 1."""
    from peft import PeftModel
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModel.from_pretrained(base)
    model = (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()
    found = []
    with torch.no_grad():
        for text in texts:
            mean = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0).double().numpy()
            found.append(mean / np.linalg.norm(mean))
    return np.array(found)


def test_every_query_is_ranked_as_scikit_learn_says():
    from sklearn.metrics import average_precision_score, ndcg_score

    draw = np.random.default_rng(0)
    for _ in range(20):
        similarities = draw.random((1, 40))
        grades = {int(place): float(draw.integers(1, 4)) for place in draw.choice(40, 5, replace=False)}
        wanted = np.array([grades.get(place, 0.0) for place in range(40)])
        found = query_metrics(ranked(similarities)[0].tolist(), grades)
        assert found["ndcg_at_10"] == pytest.approx(ndcg_score([wanted], similarities, k=10))
        assert found["map"] == pytest.approx(average_precision_score(wanted > 0, similarities[0]))


def test_one_query_by_hand():
    found = query_metrics([7, 3, 5, 1], {3: 1.0, 1: 1.0})
    assert found["mrr"] == found["mrr_at_10"] == 0.5
    assert found["map"] == (1 / 2 + 2 / 4) / 2
    assert (found["recall_at_1"], found["recall_at_5"]) == (0.0, 1.0)
    ideal = 1 + 1 / np.log2(3)
    assert found["ndcg_at_10"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)


@pytest.mark.parametrize("with_adapter", [False, True])
def test_the_base_and_an_adapter_rank_as_their_own_vectors_do(base, adapter, tmp_path, with_adapter):
    texts = [row["text"] for row in sentences(40, seed=3)]
    corpus = [{"document_id": f"d{number}", "document": text} for number, text in enumerate(texts[:30])]
    queries = [{"query": text, "relevant": f"d{number} d{number + 10}"} for number, text in enumerate(texts[30:])]
    own = adapter if with_adapter else None
    files = {"corpus": write_rows(tmp_path / "corpus", corpus), "queries": write_rows(tmp_path / "queries", queries)}
    said: dict[str, Any] = {"harness": "embeddings", "metric": "ndcg_at_10", "labels": [], "splits": files}
    [result] = evaluate(argument(base, tmp_path / "queries", [subject("a", own)], **said), say_nothing)["results"]
    orders = ranked(vectors(base, own, texts[30:]) @ vectors(base, own, texts[:30]).T)
    assert result["predictions"]["answer"] == [f"d{order[0]}" for order in orders]
    each = [query_metrics(order.tolist(), {n: 1.0, n + 10: 1.0}) for n, order in enumerate(orders)]
    for name in ("ndcg_at_10", "mrr", "recall_at_5"):
        assert result["metrics"][name]["value"] == pytest.approx(np.mean([one[name] for one in each]))
    assert result["used"]["pooling"] == "mean"


def test_likeness_has_the_correlations_of_scipy_and_agrees_with_itself(base, adapter, tmp_path):
    from scipy.stats import spearmanr

    rows = sentences(40, seed=3)
    pairs = [
        {"text": one["text"], "text_pair": other["text"], "score": number % 6}
        for number, (one, other) in enumerate(zip(rows[:20], rows[20:], strict=True))
    ]
    test = write_rows(tmp_path / "test", pairs)
    said: dict[str, Any] = {"harness": "similarity", "metric": "spearman", "labels": []}
    [result] = evaluate(argument(base, test, [subject("a", adapter)], **said), say_nothing)["results"]
    both = [vectors(base, adapter, [pair[part] for pair in pairs]) for part in ("text", "text_pair")]
    cosines = (both[0] * both[1]).sum(axis=1)
    assert result["predictions"]["answer"] == pytest.approx(cosines, abs=1e-5)
    wanted = [pair["score"] for pair in pairs]
    assert result["metrics"]["spearman"]["value"] == pytest.approx(spearmanr(cosines, wanted).statistic)


def test_correlations_of_numbers_with_ties_are_those_of_scipy():
    from scipy.stats import pearsonr, spearmanr

    draw = np.random.default_rng(1)
    one, other = draw.integers(0, 5, 60).astype(float), draw.integers(0, 4, 60).astype(float)
    found = correlation_metrics(one, one + other, seed=0)
    assert found["spearman"]["value"] == pytest.approx(spearmanr(one, one + other).statistic)
    assert found["pearson"]["value"] == pytest.approx(pearsonr(one, one + other).statistic)
    assert found["spearman"]["low"] < found["spearman"]["value"] < found["spearman"]["high"]


def test_a_relevant_document_that_is_not_in_the_corpus_is_refused(base, tmp_path):
    files = {
        "corpus": write_rows(tmp_path / "corpus", [{"document_id": "a", "document": "film"}]),
        "queries": write_rows(tmp_path / "queries", [{"query": "film", "relevant": ["b"]}]),
    }
    said: dict[str, Any] = {"harness": "embeddings", "metric": "mrr", "labels": [], "splits": files}
    [result] = evaluate(argument(base, tmp_path / "queries", [subject("a", None)], **said), say_nothing)["results"]
    assert result["error"]["code"] == "rows_malformed"
    assert "'b'" in result["error"]["detail"]


def test_the_catalog_and_the_workers_know_the_same_metrics():
    from catalog.evaluations.harnesses import ASKED
    from workers.evaluation.classification import SequenceClassification
    from workers.evaluation.embeddings import Retrieval, Similarity
    from workers.evaluation.tokens import TokenClassification

    own = {
        "sequence_classification": SequenceClassification, "token_classification": TokenClassification,
        "embeddings": Retrieval, "similarity": Similarity,
    }  # fmt: skip
    assert {name: set(harness.metrics) for name, harness in own.items()} == {
        name: set(ASKED[name].metrics) for name in own
    }
