"""Coefficients alone on others' directions: what is trained, what is written, and what both sides reach."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training runs on torch")

from kernels.families.basis import Basis  # noqa: E402
from kernels.families.eigenlora import eigenlora  # noqa: E402
from kernels.families.files import write_basis  # noqa: E402
from kernels.families.stored import StoredBasis, StoredModule  # noqa: E402
from kernels.lowrank_io import load_updates, module_shapes  # noqa: E402
from kernels.stitch.loading import load_adapter  # noqa: E402
from tests.unit.workers.small_models import argument, files_of, make_base, say_nothing  # noqa: E402
from tests.unit.workers.training_jobs import (  # noqa: E402
    adapt_argument,
    config_of,
    rows_argument,
    sides_of,
    train_member,
)
from workers.evaluation.errors import Refused  # noqa: E402
from workers.evaluation.run import evaluate  # noqa: E402
from workers.training.adapt import adapt  # noqa: E402


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def members(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    return [train_member(base, folder / str(seed), seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return rows_argument(tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def made(base, members, rows, tmp_path_factory):
    """One adaptation, its folder and its report."""
    room = tmp_path_factory.mktemp("adapt")
    return adapt(adapt_argument(base, members, rows, room), say_nothing), room / "made"


def test_both_sides_learn_and_the_coefficients_are_a_fraction_of_the_numbers(made, members):
    report = made[0]["report"]
    sides = sides_of(report)
    coefficients, full = sides["coefficients"], sides["full_lora"]
    shapes = module_shapes(members[0])
    assert coefficients["trained_parameters"] == len(shapes) * 2 * 6 * 4
    assert full["trained_parameters"] == sum(4 * (d_out + d_in) for d_out, d_in in shapes.values())
    assert coefficients["head_parameters"] == full["head_parameters"] == 2 * 32 + 2
    assert (report["train_rows"], report["test_rows"], report["metric"]) == (96, 60, "accuracy")
    assert coefficients["last_loss"] < coefficients["first_loss"]
    assert full["last_loss"] < full["first_loss"]
    assert coefficients["score"] >= 0.95
    assert full["score"] >= 0.95
    assert all(side["low"] <= side["score"] <= side["high"] for side in sides.values())
    assert coefficients["seconds"] > 0
    assert full["seconds"] > 0
    assert report["subspace"]["members"] == 3
    assert report["subspace"]["modules"] == len(shapes)


def test_what_is_written_is_an_ordinary_lora_that_lies_in_the_members_directions(made, members, base):
    _, folder = made
    config = config_of(folder)
    assert (config["peft_type"], config["task_type"], config["base_model_name_or_path"]) == (
        "LORA",
        "SEQ_CLS",
        "tiny/bert",
    )
    assert config["r"] == config["lora_alpha"] == 4
    worn = load_adapter(base, folder)
    assert worn.num_labels == 2
    updates, named = load_updates(folder), [load_updates(member) for member in members]
    for module, update in updates.items():
        basis = eigenlora([own[module] for own in named], components=6, is_normalised=True).basis
        inside = basis.W_B @ (basis.W_B.T @ update.B)
        assert torch.allclose(inside, update.B, atol=1e-4), module
        assert bool(update.B.any()), f"{module} has learnt nothing"


def test_the_score_of_the_report_is_the_one_that_the_hub_measures_afterwards(made, base, rows):
    outcome, folder = made
    files = {name: place for name, place in files_of(folder).items() if name != "README.md"}
    subject = {"evaluation_id": "1", "files": files, "settings": {"efficiency": False}}
    asked = argument(base, Path(rows["files"]["test"]), [subject], splits={"train": Path(rows["files"]["train"])})
    measured = evaluate(asked, say_nothing)["results"][0]
    assert measured["metrics"]["accuracy"]["value"] == sides_of(outcome["report"])["coefficients"]["score"]
    assert measured["used"]["label_order"] == "head"


def test_the_same_recipe_gives_the_same_bytes(made, base, members, rows, tmp_path):
    adapt(adapt_argument(base, members, rows, tmp_path), say_nothing)
    for name in ("adapter_model.safetensors", "adapter_config.json", "head_config.json"):
        assert (tmp_path / "made" / name).read_bytes() == (made[1] / name).read_bytes(), name


def test_the_card_names_the_parents_and_holds_the_comparison(made):
    card = made[0]["card"]
    assert "lab/a0@1.0.0" in card
    assert "EigenLoRAx" in card
    for side in made[0]["report"]["sides"]:
        assert f"{side['score']:.4f}" in card


def test_what_it_was_made_with_is_kept(made):
    made_with = made[0]["made_with"]
    assert made_with["device"] == "cpu"
    assert made_with["threads"] == 1
    assert made_with["torch"]
    assert len(made_with["base_weights_digest"]) == 64


def test_directions_may_come_from_a_familys_basis_file(base, members, rows, tmp_path):
    named = [load_updates(member) for member in members]
    modules = {}
    for module in named[0]:
        fit = eigenlora([own[module] for own in named], components=5).basis
        shape = named[0][module]
        modules[module] = StoredModule(shape.d_out, shape.d_in, (Basis(fit.W_B, fit.W_A),))
    write_basis(tmp_path / "basis.safetensors", StoredBasis("eigenlorax", "tiny/bert", modules))
    asked = adapt_argument(base, members, rows, tmp_path / "room", epochs=1, limit=32)
    report = adapt(asked | {"members": [], "basis": str(tmp_path / "basis.safetensors")}, say_nothing)["report"]
    assert report["train_rows"] == 32
    assert sides_of(report)["coefficients"]["trained_parameters"] == len(modules) * 2 * 5 * 4


def test_random_directions_may_be_added_for_what_the_members_do_not_know(base, members, rows, tmp_path):
    asked = adapt_argument(base, members, rows, tmp_path, directions=3, epochs=1, limit=32)
    report = adapt(asked, say_nothing)["report"]
    assert sides_of(report)["coefficients"]["trained_parameters"] == report["subspace"]["modules"] * 2 * 9 * 4


def test_a_member_with_magnitudes_is_refused_and_nothing_is_written(base, members, rows, tmp_path):
    dora = train_member(base, tmp_path / "dora", seed=9, steps=1, use_dora=True)
    with pytest.raises(Refused) as refused:
        adapt(adapt_argument(base, [members[0], dora], rows, tmp_path / "room"), say_nothing)
    assert refused.value.code == "not_low_rank"
    assert list((tmp_path / "room" / "made").iterdir()) == []


def test_members_of_another_shape_are_refused(members, rows, tmp_path):
    wide = make_base(tmp_path / "wide", intermediate=48)
    with pytest.raises(Refused) as refused:
        adapt(adapt_argument(wide, members, rows, tmp_path / "room"), say_nothing)
    assert refused.value.code == "mixed_shapes"


def test_a_split_that_is_not_there_is_refused(base, members, rows, tmp_path):
    with pytest.raises(Refused) as refused:
        adapt(adapt_argument(base, members, rows, tmp_path, split="anchor"), say_nothing)
    assert refused.value.code == "split_missing"
