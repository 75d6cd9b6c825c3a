"""Token classification: a word is scored once, by its first token, and spans count whole."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.small_models import argument, make_adapter, make_base, say_nothing, subject, write_rows

torch = pytest.importorskip("torch", reason="evaluations run on torch")
from workers.evaluation.run import evaluate  # noqa: E402
from workers.evaluation.spans import spans_of  # noqa: E402

TAGS = ["O", "B-THING", "I-THING"]


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("O O", set()),
        ("B-X I-X O B-X", {(0, 2, "X"), (3, 4, "X")}),
        ("B-X B-X", {(0, 1, "X"), (1, 2, "X")}),
        ("I-X I-Y", {(0, 1, "X"), (1, 2, "Y")}),
        ("O I-X I-X", {(1, 3, "X")}),
        ("B-X E-X S-Y", {(0, 2, "X"), (2, 3, "Y")}),
        ("NOUN VERB NOUN NOUN", {(0, 1, "NOUN"), (1, 2, "VERB"), (2, 3, "NOUN"), (3, 4, "NOUN")}),
        ("B-a-b I-a-b", {(0, 2, "a-b")}),
    ],
)
def test_spans_are_read_as_the_scorer_of_conll_reads_them(tags, spans):
    assert spans_of(tags.split()) == spans


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


def tagged(count: int) -> list[dict[str, Any]]:
    """``film`` begins a thing, and ``book`` after it goes on with it."""
    rows = []
    for number in range(count):
        words = ["the", "good-film"] * (number % 3) + ["film", "book", "was", "bad"]
        tags = ["O", "B-THING"] * (number % 3) + ["B-THING", "I-THING", "O", "O"]
        rows.append({"words": words, "marks": tags})
    return rows


def asked(base: Path, test: Path, subjects: list[dict[str, Any]], **said: Any) -> dict[str, Any]:
    columns = {"tokens": "words", "tags": "marks"}
    plain = {"harness": "token_classification", "labels": TAGS, "metric": "f1", "columns": columns}
    return argument(base, test, subjects, **(plain | said))


def plain_script(base: Path, adapter: Path, rows: list[dict[str, Any]]) -> list[list[str]]:
    """Row by row: the label of each word's first token."""
    from peft import PeftModel
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForTokenClassification.from_pretrained(base, num_labels=len(TAGS))
    model = PeftModel.from_pretrained(model, adapter).eval()
    answers = []
    for row in rows:
        encoded = tokenizer(row["words"], is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            labels = model(**encoded).logits[0].argmax(dim=1)
        words = encoded.word_ids(0)
        answers.append([TAGS[labels[words.index(word)]] for word in range(len(row["words"]))])
    return answers


def test_each_word_has_the_label_of_its_first_token_as_in_a_plain_script(base, tmp_path):
    rows = tagged(12)
    adapter = make_adapter(base, tmp_path / "adapter", seed=4, labels=3, task="TOKEN_CLS")
    test = write_rows(tmp_path / "test", rows)
    [result] = evaluate(asked(base, test, [subject("a", adapter)]), say_nothing)["results"]
    answers = plain_script(base, adapter, rows)
    assert result["predictions"]["answer"] == answers
    right = [int(answer == row["marks"]) for answer, row in zip(answers, rows, strict=True)]
    assert result["predictions"]["right"] == right
    words = [
        (a, b) for answer, row in zip(answers, rows, strict=True) for a, b in zip(answer, row["marks"], strict=True)
    ]
    assert result["metrics"]["accuracy"]["value"] == sum(a == b for a, b in words) / len(words)
    both = [(spans_of(answer), spans_of(row["marks"])) for answer, row in zip(answers, rows, strict=True)]
    hits = sum(len(a & b) for a, b in both)
    assert result["metrics"]["f1"]["value"] == 2 * hits / sum(len(a) + len(b) for a, b in both)


def test_words_that_were_cut_off_count_as_outside(base, tmp_path):
    adapter = make_adapter(base, tmp_path / "adapter", seed=4, labels=3, task="TOKEN_CLS")
    test = write_rows(tmp_path / "test", [{"words": ["film"] * 10, "marks": ["B-THING"] * 10}])
    [result] = evaluate(asked(base, test, [subject("a", adapter, max_tokens=6)]), say_nothing)["results"]
    [answer] = result["predictions"]["answer"]
    assert len(answer) == 10
    assert answer[4:] == ["O"] * 6


def test_the_base_alone_learns_the_tags_from_train(base, tmp_path):
    test, train = write_rows(tmp_path / "test", tagged(9)), write_rows(tmp_path / "train", tagged(60))
    [result] = evaluate(asked(base, test, [subject("base", None)], splits={"train": train}), say_nothing)["results"]
    assert result["used"]["head"] == "probe"
    assert result["metrics"]["f1"]["value"] > 0.8
    assert result["metrics"]["gda"]["value"] > 0.3


def test_tokens_and_tags_of_different_number_are_refused(base, tmp_path):
    test = write_rows(tmp_path / "test", [{"words": ["film", "was"], "marks": ["O"]}])
    [result] = evaluate(asked(base, test, [subject("base", None)]), say_nothing)["results"]
    assert result["error"]["code"] == "rows_malformed"
