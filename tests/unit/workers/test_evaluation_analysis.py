"""What an adapter does inside a model: density of activations, the effect of each layer, the score without it."""

from pathlib import Path

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
from workers.evaluation.run import evaluate  # noqa: E402


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"), hidden_act="relu")


def analysed(base: Path, adapter: Path, folder: Path) -> dict:
    test = write_rows(folder / "test", sentences(40))
    asked = argument(base, test, [subject("a", adapter, analysis=True, efficiency=False)])
    [result] = evaluate(asked, say_nothing)["results"]
    return result["efficiency"]["analysis"] | {"accuracy": result["metrics"]["accuracy"]["value"]}


@pytest.mark.literature("DEFT (activation density)")
def test_the_density_of_activations_is_that_of_hooks_of_ones_own_with_and_without_the_adapter(base, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    adapter = make_adapter(base, tmp_path / "adapter", seed=1)
    found = analysed(base, adapter, tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
    model, tokenizer = PeftModel.from_pretrained(model, adapter).eval(), AutoTokenizer.from_pretrained(base)
    kept: list = []
    for layer in model.base_model.model.bert.encoder.layer:
        layer.intermediate.register_forward_hook(lambda module, inputs, output: kept.append(output.flatten()))

    def density() -> float:
        kept.clear()
        with torch.no_grad():
            for row in sentences(40):
                model(**tokenizer(row["text"], return_tensors="pt"))
        return float((torch.cat(kept) != 0).double().mean())

    assert found["activation_density"] == pytest.approx(density(), abs=1e-4)
    with model.disable_adapter():
        assert found["activation_density_base"] == pytest.approx(density(), abs=1e-4)
    assert found["activation_density"] != found["activation_density_base"]


@pytest.mark.literature("Hidden Space of Language Adapters")
def test_a_layer_that_does_nothing_is_seen_and_can_be_left_out(base, tmp_path):
    from safetensors.torch import load_file, save_file

    adapter = make_adapter(base, tmp_path / "adapter", seed=1)
    tensors = load_file(adapter / "adapter_model.safetensors")
    idle = {name: tensor * 0 if ".layer.0." in name else tensor for name, tensor in tensors.items()}
    save_file(idle, adapter / "adapter_model.safetensors")
    found = analysed(base, adapter, tmp_path)
    first, second = found["layers"]
    assert (first["layer"], second["layer"]) == (0, 1)
    assert first["effect"] == 0
    assert second["effect"] > 0
    assert first["score_without"] == found["accuracy"]


def test_an_evaluation_says_nothing_of_the_inside_unless_asked(base, tmp_path):
    adapter = make_adapter(base, tmp_path / "adapter", seed=1)
    test = write_rows(tmp_path / "test", sentences(10))
    [result] = evaluate(argument(base, test, [subject("a", adapter)]), say_nothing)["results"]
    assert "analysis" not in result["efficiency"]
