"""The numbers of an evaluation: scikit-learn's metrics, their intervals, heads on features, files of rows."""

import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="metrics come from scikit-learn")
from workers.evaluation.errors import Refused
from workers.evaluation.heads import gaussian_head, softmax, train_head
from workers.evaluation.intervals import intervals
from workers.evaluation.labels import label_indices
from workers.evaluation.metrics import CLASSIFICATION, classification_metrics
from workers.evaluation.reading import read_table


def answers(rows: int, labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities that lean towards them."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, labels, rows)
    logits = draw.normal(size=(rows, labels))
    logits[np.arange(rows), truth] += 1
    return truth, softmax(logits)


@pytest.mark.parametrize("labels", [2, 5])
def test_every_metric_is_that_of_scikit_learn_and_its_resamples_use_the_same_formula(labels):
    from sklearn import metrics as sk

    truth, probabilities = answers(300, labels, seed=labels)
    found = {name: said["value"] for name, said in classification_metrics(truth, probabilities, seed=0).items()}
    guessed = probabilities.argmax(axis=1)
    assert set(found) == set(CLASSIFICATION)
    assert found["accuracy"] == sk.accuracy_score(truth, guessed)
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, guessed))
    for average in ("macro", "micro", "weighted"):
        assert found[f"{average}_f1"] == pytest.approx(sk.f1_score(truth, guessed, average=average))
    assert found["mcc"] == pytest.approx(sk.matthews_corrcoef(truth, guessed))
    assert found["log_loss"] == pytest.approx(sk.log_loss(truth, probabilities))


def test_an_interval_is_that_of_metrics_of_rows_drawn_again_one_by_one():
    truth, probabilities = answers(120, 3, seed=1)
    said = classification_metrics(truth, probabilities, seed=0)
    draw = np.random.default_rng(7)
    drawn = [draw.integers(0, 120, 120) for _ in range(200)]
    again = [classification_metrics(truth[rows], probabilities[rows], seed=0) for rows in drawn]
    for name in CLASSIFICATION:
        low, high = np.percentile([found[name]["value"] for found in again], [2.5, 97.5])
        assert abs(said[name]["low"] - low) < 0.3 * (high - low), name
        assert abs(said[name]["high"] - high) < 0.3 * (high - low), name


def test_intervals_are_those_of_their_seed_and_hold_95_percent():
    values = np.random.default_rng(0).normal(size=400)
    mean = {"mean": lambda weights: weights @ values / weights.sum(axis=1)}
    first, again, other = (intervals(mean, 400, seed)["mean"] for seed in (0, 0, 1))
    assert first == again != other
    half = 1.96 * values.std() / 20
    assert first == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_rows_beyond_what_fits_at_once_are_drawn_in_parts(monkeypatch):
    values = np.random.default_rng(0).normal(size=500)
    mean = {"mean": lambda weights: weights @ values / weights.sum(axis=1)}
    whole = intervals(mean, 500, 3)["mean"]
    monkeypatch.setattr("workers.evaluation.intervals._MOST_NUMBERS", 10_000)
    assert intervals(mean, 500, 3)["mean"] == pytest.approx(whole, abs=0.02)


def test_words_of_one_sentence_are_drawn_together_so_that_the_interval_is_wider():
    sentence = np.repeat(np.arange(40), 10)
    truth = np.zeros(400, dtype=np.int64)
    guessed = np.repeat(np.random.default_rng(0).integers(0, 2, 40), 10)
    probabilities = np.eye(2)[guessed]
    alone = classification_metrics(truth, probabilities, seed=0)["accuracy"]
    together = classification_metrics(truth, probabilities, seed=0, group_of=sentence)["accuracy"]
    assert together["value"] == alone["value"]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def clusters(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of points in eight dimensions."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(3, 8)) * 2
    labels = draw.integers(0, 3, rows)
    return centres[labels] + draw.normal(size=(rows, 8)), labels


def test_a_head_on_features_learns_them_and_is_the_same_again():
    (train, truth), (test, wanted) = clusters(0), clusters(1)
    head, strength = train_head(train, truth, 4, seed=0)
    found = head.probabilities(test)
    assert np.mean(found.argmax(axis=1) == wanted) > 0.9
    # A label without rows in `train` is never answered.
    assert np.all(found[:, 3] == 0)
    again, same = train_head(train, truth, 4, seed=0)
    assert strength == same
    assert np.array_equal(again.probabilities(test), found)


@pytest.mark.literature("GDA CLIP baseline")
def test_the_gaussian_head_agrees_with_linear_discriminant_analysis():
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    (train, truth), (test, _) = clusters(0, rows=2000), clusters(1)
    oracle = LinearDiscriminantAnalysis(priors=[1 / 3] * 3).fit(train, truth).predict(test)
    assert np.mean(gaussian_head(train, truth, 3).probabilities(test).argmax(axis=1) == oracle) > 0.98


@pytest.mark.parametrize(
    "content",
    [
        '\ufeff{"body": "a \u2028 b", "label": "x"}\n\n{"body": "c", "label": "y", "more": 1}\n',
        'more,body,label\n1,"a \u2028 b",x\n2,c,y\n',
    ],
)
def test_json_lines_and_csv_are_told_apart_by_their_first_byte(tmp_path, content):
    (tmp_path / "rows").write_text(content, encoding="utf-8")
    table = read_table(tmp_path / "rows", "test", {"text": "body"}, ("text", "label"))
    assert table.rows == ({"text": "a \u2028 b", "label": "x"}, {"text": "c", "label": "y"})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "set_empty"),
        (b"text,label\n", "set_empty"),
        (b'{"text": "a"}\n', "columns_missing"),
        (b'{"text": "", "label": "x"}\n', "columns_missing"),
        (b"\xff\xfe", "rows_malformed"),
        (b'{"text": "a", "label": "x"}\n[1]\n', "rows_malformed"),
        (b'text,label\n"a,x\n', "rows_malformed"),
        (json.dumps({"text": "a" * 100_001, "label": "x"}).encode(), "set_too_large"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, content, code):
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(Refused) as refused:
        read_table(tmp_path / "rows", "test", {}, ("text", "label"))
    assert refused.value.code == code
    assert "'test'" in refused.value.detail


def test_labels_are_read_by_name_and_by_number():
    assert label_indices(["no", "yes", 1], ("no", "yes"), "test").tolist() == [0, 1, 1]
    assert label_indices(["1", 2], ("1", "2"), "test").tolist() == [0, 1]
    assert label_indices([True, False], ("false", "true"), "test").tolist() == [1, 0]
