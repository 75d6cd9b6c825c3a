"""An adapter on another base model: the student learns the teacher's answers, and both sides are measured."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training runs on torch")

from kernels.stitch.loading import load_adapter  # noqa: E402
from tests.unit.workers.small_models import make_adapter, make_base, say_nothing, sentences, write_rows  # noqa: E402
from tests.unit.workers.training_jobs import (  # noqa: E402
    config_of,
    rows_argument,
    sides_of,
    train_member,
    transfer_argument,
)
from workers.evaluation.errors import Refused  # noqa: E402
from workers.training.transfer import transfer  # noqa: E402


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    """Another model: other weights, and other widths inside."""
    return make_base(tmp_path_factory.mktemp("new"), seed=5, intermediate=48)


@pytest.fixture(scope="module")
def source(old, tmp_path_factory):
    return train_member(old, tmp_path_factory.mktemp("source") / "adapter", seed=1)


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return rows_argument(tmp_path_factory.mktemp("rows"), train=160)


@pytest.fixture(scope="module")
def made(old, new, source, rows, tmp_path_factory):
    room = tmp_path_factory.mktemp("transfer")
    return transfer(transfer_argument(old, new, source, rows, room, on=rows), say_nothing), room / "made"


@pytest.mark.literature("Trans-LoRA")
def test_the_student_answers_as_the_teacher_does_and_both_sides_are_measured(made):
    report = made[0]["report"]
    sides = sides_of(report)
    assert report["is_experimental"] is True
    assert (report["texts"], report["held_out_texts"]) == (128, 32)
    assert report["agreement"] >= 0.95
    assert report["agreement"] >= report["agreement_before"]
    assert sides["teacher"]["score"] >= 0.95
    assert sides["student"]["score"] >= 0.95
    assert sides["student"]["last_loss"] < sides["student"]["first_loss"]
    assert set(sides) == {"teacher", "student", "student_base_alone"}
    assert sides["teacher"]["trained_parameters"] == 0
    assert sides["student"]["trained_parameters"] > 0


def test_the_student_is_a_lora_of_the_new_base_model_and_says_that_it_is_experimental(made, new):
    outcome, folder = made
    assert config_of(folder)["base_model_name_or_path"] == "tiny/other"
    assert load_adapter(new, folder).num_labels == 2
    assert "**Experimental.**" in outcome["card"]
    assert "experimental" in outcome["card"].split("---")[1]
    assert outcome["made_with"]["base_weights_digest"] != outcome["made_with"]["old_base_weights_digest"]


def test_labels_of_the_texts_are_never_read(old, new, source, rows, tmp_path):
    unlabelled = [{"text": row["text"]} for row in sentences(40, seed=101)]
    texts = {"files": {"test": str(write_rows(tmp_path / "texts.jsonl", unlabelled))}, "harness": "language_model"}
    asked = transfer_argument(old, new, source, rows | texts, tmp_path / "room", on=None, split="test", epochs=1)
    report = transfer(asked, say_nothing)["report"]
    assert report["texts"] == 32
    assert report["metric"] is None
    assert [side["name"] for side in report["sides"]] == ["student"]


def test_an_adapter_without_a_head_has_no_answers(old, new, rows, tmp_path):
    headless = make_adapter(old, tmp_path / "headless", seed=3, task="FEATURE_EXTRACTION")
    with pytest.raises(Refused) as refused:
        transfer(transfer_argument(old, new, headless, rows, tmp_path / "room", on=None), say_nothing)
    assert refused.value.code == "no_head"


def test_layers_that_the_new_base_model_has_not_are_refused(old, new, source, rows, tmp_path):
    asked = transfer_argument(old, new, source, rows, tmp_path, on=None, target_modules=["q_proj"])
    with pytest.raises(Refused) as refused:
        transfer(asked, say_nothing)
    assert refused.value.code == "target_modules_unknown"
    assert list((tmp_path / "made").iterdir()) == []


def test_a_handful_of_texts_is_too_few(old, new, source, rows, tmp_path):
    few = {"files": {"train": str(write_rows(tmp_path / "few.jsonl", sentences(4)))}}
    asked = transfer_argument(old, new, source, rows | few, tmp_path / "room", on=None)
    with pytest.raises(Refused) as refused:
        transfer(asked, say_nothing)
    assert refused.value.code == "texts_too_few"


def test_paths_of_this_machine_are_in_no_file(made):
    _, folder = made
    for path in Path(folder).iterdir():
        assert b"/tmp" not in path.read_bytes(), path.name
