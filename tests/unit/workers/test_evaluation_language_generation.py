"""Generated text: what a plain script of PEFT and transformers writes, and what sacrebleu thinks of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

torch = pytest.importorskip("torch", reason="evaluations run on torch")

from tests.unit.workers.small_models import argument, say_nothing, subject, write_rows  # noqa: E402
from tests.unit.workers.tiny_language_model import adapt, build, questions, small_seq2seq  # noqa: E402
from workers.evaluation.run import evaluate  # noqa: E402
from workers.evaluation.text_metrics import text_metrics  # noqa: E402


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("generation")
    base = build(root / "base")
    rows = [{"question": row["question"], "reference": row["choices"][row["answer"]]} for row in questions(24, 9)]
    made = {"base": base, "adapter": adapt(base, root / "adapter", steps=120), "test": write_rows(root / "t", rows)}
    torch.set_num_threads(before)
    return made


def asked(world: dict[str, Path], *subjects: dict[str, Any], **said: Any) -> dict[str, Any]:
    plain = {
        "harness": "generation",
        "labels": [],
        "metric": "exact_match",
        "template": "{{question}} ",
        "options": {"max_new_tokens": 6, "until": ["."]},
    }
    subjects = subjects or (subject("adapter", world["adapter"]),)
    return argument(world["base"], said.pop("test", None) or world["test"], list(subjects), **(plain | said))


def test_every_prompt_is_continued_as_in_a_plain_script(world):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    row = evaluate(asked(world, subject("adapter", world["adapter"], batch_size=1)), say_nothing)["results"][0]
    assert "error" not in row, row
    tokenizer = AutoTokenizer.from_pretrained(world["base"])
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(world["base"]), world["adapter"]).eval()
    expected = []
    for question in (one["question"] for one in questions(24, 9)):
        tokens = tokenizer(question + " ", return_tensors="pt")
        tokens.pop("token_type_ids", None)
        with torch.no_grad():
            written = model.generate(**tokens, max_new_tokens=6, do_sample=False)
        expected.append(tokenizer.decode(written[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True))
    assert row["predictions"]["answer"] == [text.partition(".")[0] for text in expected]


def test_the_batch_does_not_change_what_is_written(world):
    one, many = (
        evaluate(asked(world, subject("adapter", world["adapter"], batch_size=size)), say_nothing)["results"][0]
        for size in (1, 7)
    )
    assert one["predictions"] == many["predictions"]


def test_base_and_adapter_are_compared_and_every_answer_is_kept_within_bounds(world):
    outcome = evaluate(asked(world, subject("base", None), subject("adapter", world["adapter"])), say_nothing)
    base, adapter = outcome["results"]
    assert set(adapter["metrics"]) == {"exact_match", "chrf", "bleu"}
    assert adapter["metrics"]["exact_match"]["value"] >= base["metrics"]["exact_match"]["value"]
    assert adapter["metrics"]["chrf"]["value"] > 0
    assert base["predictions"]["answer"] != adapter["predictions"]["answer"]
    assert all(len(text) <= 2000 for text in adapter["predictions"]["answer"])
    assert outcome["versions"]["sacrebleu"]


def test_cost_stands_beside_the_score_and_drawn_rows_keep_their_places(world):
    drawn = {"limit": 9, "seed": 3}
    subjects = subject("base", None, **drawn), subject("adapter", world["adapter"], **drawn)
    base, adapter = evaluate(asked(world, *subjects), say_nothing)["results"]
    whole = evaluate(asked(world, subject("adapter", world["adapter"], efficiency=False)), say_nothing)["results"][0]
    cost = adapter["efficiency"]
    assert cost["parameters"] == sum(
        tensor.numel() for tensor in load_file(world["adapter"] / "adapter_model.safetensors").values()
    )
    for name in ("milliseconds_per_row", "milliseconds_per_row_merged", "milliseconds_per_row_base", "load_seconds"):
        assert cost[name] > 0, name
    assert {"milliseconds_per_row_base", "peak_memory_bytes", "rows_per_second"} <= set(base["efficiency"])
    assert "milliseconds_per_row" not in base["efficiency"]
    assert "milliseconds_per_row" not in whole["efficiency"]
    places = adapter["predictions"]["row"]
    assert (len(places), places) == (9, sorted(set(places)))
    assert adapter["predictions"]["answer"] == [whole["predictions"]["answer"][place] for place in places]
    assert "row" not in whole["predictions"]


def test_a_base_without_a_tokenizer_is_refused_before_its_weights_are_loaded(world, tmp_path, monkeypatch):
    import transformers

    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        (bare / name).symlink_to(world["base"] / name)
    loaded: list[str] = []
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", lambda *at, **how: loaded.append("!"))
    said = asked({"base": bare, "test": world["test"]}, subject("base", None), subject("adapter", world["adapter"]))
    codes = [row["error"]["code"] for row in evaluate(said, say_nothing)["results"]]
    assert (codes, loaded) == (["no_tokenizer", "no_tokenizer"], [])


def test_a_model_that_reads_and_writes_generates_too(tmp_path):
    base = small_seq2seq(tmp_path / "base")
    rows = write_rows(tmp_path / "rows", [{"prompt": "one plus two", "reference": ["three", "3"]}] * 3)
    said = asked({"base": base}, subject("base", None), test=rows, template="", metric="chrf")
    row = evaluate(said, say_nothing)["results"][0]
    assert "error" not in row, row
    assert len(row["predictions"]["answer"]) == 3


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ({"template": "{{ nothing }}"}, "template_refused", "undefined"),
        ({"template": ""}, "columns_missing", "'prompt'"),
        ({"options": {"max_new_tokens": 100_000}}, "option_invalid", "max_new_tokens"),
        ({"options": {"max_new_tokens": 200}}, "option_invalid", "room for 128"),
        ({"options": {"temperature": 2}}, "option_invalid", "temperature"),
        ({"metric": "rouge"}, "metric_unknown", "rouge"),
    ],
)
def test_what_cannot_be_asked_is_refused(world, said, code, words):
    error = evaluate(asked(world, **said), say_nothing)["results"][0]["error"]
    assert error["code"] == code
    assert words in error["detail"]


def test_a_model_that_writes_no_text_is_refused(tmp_path, world):
    from tests.unit.workers.small_models import make_base

    reader = make_base(tmp_path / "t5encoder")
    config = (reader / "config.json").read_text().replace('"bert"', '"deberta"')
    (reader / "config.json").write_text(config)
    error = evaluate(asked({"base": reader, "test": world["test"]}, subject("base", None)), say_nothing)["results"][0]
    assert error["error"]["code"] == "harness_mismatch"


def test_a_base_without_a_language_head_is_refused_and_not_given_one_that_was_drawn(tmp_path, world):
    from tests.unit.workers.small_models import make_base

    reader = make_base(tmp_path / "bert")
    error = evaluate(asked({"base": reader, "test": world["test"]}, subject("base", None)), say_nothing)["results"][0]
    assert error["error"]["code"] == "no_head"


def test_the_scores_are_sacrebleus():
    import sacrebleu

    answers = ["the cat sat on the mat", "a dog", "nothing at all here now", "one two three four five"]
    references = [["the cat sat on a mat", "the cat sat"], ["a dog"], ["something else"], ["one two three four six"]]
    metrics, right = text_metrics(answers, references, "chrf", seed=0)
    columns = [[row[0] for row in references], ["the cat sat", None, None, None]]
    assert metrics["bleu"]["value"] == sacrebleu.corpus_bleu(answers, columns).score
    assert metrics["chrf"]["value"] == sacrebleu.corpus_chrf(answers, columns).score
    assert metrics["exact_match"]["value"] == 0.25
    assert right == [sacrebleu.sentence_chrf(a, r).score / 100 for a, r in zip(answers, references, strict=True)]
    for one in metrics.values():
        assert one["low"] <= one["value"] <= one["high"]
    assert text_metrics(answers, references, "chrf", seed=0)[0] == metrics
