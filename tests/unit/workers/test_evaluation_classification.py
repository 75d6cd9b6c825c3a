"""Sequence classification in a job of evaluations: the plain script's answers, by one base model for all adapters."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.small_models import (
    LABELS,
    argument,
    files_of,
    make_adapter,
    make_base,
    say_nothing,
    sentences,
    subject,
    write_rows,
)  # fmt: skip

torch = pytest.importorskip("torch", reason="evaluations run on torch")
from workers.evaluation.run import evaluate  # noqa: E402


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [make_adapter(base, folder / str(seed), seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return sentences(50)


@pytest.fixture(scope="module")
def test_file(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("set") / "test", rows)


@pytest.fixture(scope="module")
def train_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("train") / "train", sentences(200, seed=1))


def plain_script(base: Path, adapter: Path, rows: list[dict[str, Any]], batch_size: int) -> tuple[list[str], list[Any]]:
    """What anybody would write with PEFT and transformers, in the same order and batches."""
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(LABELS))
    model = PeftModel.from_pretrained(model, adapter).eval()
    texts = [row["text"] for row in rows]
    order = sorted(range(len(texts)), key=lambda row: -len(tokenizer(texts[row])["input_ids"]))
    logits = torch.empty(len(texts), len(LABELS))
    with torch.no_grad():
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            logits[batch] = model(**tokenizer([texts[row] for row in batch], padding=True, return_tensors="pt")).logits
    return [LABELS[row] for row in logits.argmax(dim=1)], torch.softmax(logits.double(), dim=1).tolist()


def test_every_adapter_answers_as_in_a_plain_script_of_peft_and_transformers(base, adapters, rows, test_file):
    subjects = [subject(str(number), folder) for number, folder in enumerate(adapters)]
    outcome = evaluate(argument(base, test_file, subjects), say_nothing)
    for folder, result in zip(adapters, outcome["results"], strict=True):
        answers, probabilities = plain_script(base, folder, rows, result["used"]["batch_size"])
        assert result["predictions"]["answer"] == answers
        assert result["predictions"]["confidence"] == [round(max(row), 6) for row in probabilities]
        right = [answer == row["label"] for answer, row in zip(answers, rows, strict=True)]
        assert result["predictions"]["right"] == [int(is_right) for is_right in right]
        assert result["metrics"]["accuracy"]["value"] == sum(right) / len(right)
    assert len({tuple(result["predictions"]["answer"]) for result in outcome["results"]}) > 1


def test_a_job_loads_its_base_once_and_leaves_every_bit_of_it_alone(base, adapters, test_file, monkeypatch):
    from workers.evaluation.base import Base
    from workers.evaluation.subjects import bits_of

    seen: list[Base] = []
    plain = Base.load

    def load(self: Base, *args: Any) -> Any:
        loaded = plain(self, *args)
        if self not in seen:
            seen.append(self)
            self.bits = bits_of(loaded.model)  # type: ignore[attr-defined]
        return loaded

    monkeypatch.setattr(Base, "load", load)
    evaluate(argument(base, test_file, [subject(str(n), path) for n, path in enumerate(adapters)]), say_nothing)
    [used] = seen
    assert used.loads == 1
    model = used.load("AutoModelForSequenceClassification", 2).model
    assert bits_of(model) == used.bits  # type: ignore[attr-defined]
    assert not hasattr(model, "peft_config")


def test_the_same_again_gives_the_same_answers_in_any_company(base, adapters, test_file):
    together = [subject(str(number), folder) for number, folder in enumerate(adapters)]
    first = evaluate(argument(base, test_file, together), say_nothing)["results"]
    [alone] = evaluate(argument(base, test_file, together[2:]), say_nothing)["results"]
    assert first[2]["predictions"] == alone["predictions"]
    assert first[2]["metrics"] == alone["metrics"]


def test_answers_come_in_the_order_of_the_rows_and_a_sample_names_them(base, adapters, rows, test_file):
    [whole, part] = [
        evaluate(argument(base, test_file, [subject("a", adapters[0], **settings)]), say_nothing)["results"][0]
        for settings in ({}, {"limit": 20, "seed": 5})
    ]
    drawn = part["predictions"]["row"]
    assert drawn == sorted(drawn)
    assert len(drawn) == 20
    assert part["predictions"]["answer"] == [whole["predictions"]["answer"][row] for row in drawn]
    assert "row" not in whole["predictions"]


@pytest.mark.literature("GDA CLIP baseline")
def test_a_base_without_a_head_is_measured_by_one_trained_on_train_beside_a_gaussian_one(base, test_file, train_file):
    asked = argument(base, test_file, [subject("base", None)], splits={"train": train_file})
    [result] = evaluate(asked, say_nothing)["results"]
    assert result["used"]["head"] == "probe"
    assert result["used"]["probe"]["train_rows"] == 200
    assert result["metrics"]["accuracy"]["value"] > 0.6
    assert {"value", "low", "high", "higher_is_better"} == set(result["metrics"]["gda"])


def test_an_adapter_without_a_head_is_measured_only_by_a_probe_that_was_asked_for(
    base, test_file, train_file, tmp_path
):
    folder = make_adapter(base, tmp_path / "headless", seed=1, task="FEATURE_EXTRACTION")
    subjects = [subject("plain", folder), subject("probe", folder, with_probe=True)]
    asked = argument(base, test_file, subjects, splits={"train": train_file})
    refused, probed = evaluate(asked, say_nothing)["results"]
    assert refused["error"]["code"] == "no_head"
    assert "probe" in refused["error"]["hint"]
    assert probed["used"]["head"] == "probe"
    assert probed["metrics"]["accuracy"]["value"] > 0.6


def test_one_broken_adapter_fails_alone_and_the_others_are_measured(base, adapters, test_file, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "adapter_config.json").write_text((adapters[0] / "adapter_config.json").read_text())
    (broken / "adapter_model.safetensors").write_bytes(b"\0" * 64)
    other = make_adapter(base, tmp_path / "three", seed=9, labels=3)
    subjects = [subject("broken", broken), subject("three", other), subject("good", adapters[0])]
    first, second, third = evaluate(argument(base, test_file, subjects), say_nothing)["results"]
    assert first["error"]["code"] == "not_peft"
    assert second["error"]["code"] == "labels_do_not_fit"
    assert third["metrics"]["accuracy"]["value"] >= 0


def test_an_adapter_that_names_its_labels_is_read_in_its_own_order(base, adapters, rows, test_file, tmp_path):
    turned = tmp_path / "turned"
    turned.mkdir()
    for name, place in files_of(adapters[0]).items():
        (turned / name).write_bytes(Path(place).read_bytes())
    (turned / "config.json").write_text('{"id2label": {"0": "Positive", "1": "Negative"}}')
    subjects = [subject("plain", adapters[0]), subject("turned", turned)]
    plain, named = evaluate(argument(base, test_file, subjects), say_nothing)["results"]
    assert named["used"]["label_order"] == "head"
    opposite = {"negative": "positive", "positive": "negative"}
    assert named["predictions"]["answer"] == [opposite[answer] for answer in plain["predictions"]["answer"]]


@pytest.mark.parametrize(
    ("content", "said", "code"),
    [
        ("", {}, "set_empty"),
        ('{"text": "a", "class": "positive"}\n', {}, "columns_missing"),
        ('{"text": "a", "label": "neutral"}\n', {}, "labels_do_not_fit"),
        ('{"text": "a", "label": "positive"}\n', {"metric": "charm"}, "metric_unknown"),
        ('{"text": "a", "label": "positive"}\n', {"harness": "charm"}, "harness_mismatch"),
        ('{"text": "a", "label": \n', {}, "rows_malformed"),
    ],
)
def test_what_is_wrong_with_the_set_is_said_before_any_weights_are_loaded(
    base, adapters, tmp_path, monkeypatch, content, said, code
):
    monkeypatch.setattr("workers.evaluation.base.Base.load", lambda *args: pytest.fail("loaded"))
    (tmp_path / "test").write_text(content)
    [result] = evaluate(argument(base, tmp_path / "test", [subject("a", adapters[0])], **said), say_nothing)["results"]
    assert result["error"]["code"] == code


def test_a_base_with_a_fitting_head_of_its_own_needs_no_train_and_lends_it_to_adapters(tmp_path, rows, test_file):
    from peft import LoraConfig, PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    plain, own = make_base(tmp_path / "plain"), tmp_path / "own"
    torch.manual_seed(3)
    model = AutoModelForSequenceClassification.from_pretrained(plain, num_labels=2)
    torch.nn.init.normal_(model.classifier.weight)
    model.config.id2label = {0: "positive", 1: "negative"}
    model.save_pretrained(own)
    AutoTokenizer.from_pretrained(plain).save_pretrained(own)
    only_attention = LoraConfig(r=4, target_modules=["query", "value"])
    headless = make_adapter(own, tmp_path / "headless", seed=1, config=only_attention)
    [base, adapter] = evaluate(
        argument(own, test_file, [subject("base", None), subject("headless", headless)]), say_nothing
    )["results"]
    assert base["used"] | {"head": "base", "label_order": "head"} == base["used"]
    assert adapter["used"]["head"] == "base"
    tokenizer = AutoTokenizer.from_pretrained(own)

    def answers(model: Any) -> list[str]:
        with torch.no_grad():
            logits = [model(**tokenizer(row["text"], return_tensors="pt")).logits[0] for row in rows]
        return [["positive", "negative"][row.argmax()] for row in logits]

    assert base["predictions"]["answer"] == answers(model.eval())
    assert adapter["predictions"]["answer"] == answers(PeftModel.from_pretrained(model, headless).eval())
