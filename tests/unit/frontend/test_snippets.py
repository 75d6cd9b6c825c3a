"""What is offered for copying: programs that Python can read, and only for libraries that read the format."""

import pytest

from frontend.snippets import load_snippets

BASE = "org/tiny"
CASES = {
    "adapter alone": {"format": "peft", "task_type": "CAUSAL_LM"},
    "with its head": {
        "format": "peft",
        "task_type": "SEQ_CLS",
        "heads": [{"module": "classifier", "tensors": {"bias": [5], "weight": [5, 64]}}],
    },
    "pictures": {"format": "kohya"},
    "another library": {"format": "adapterhub"},
    "nothing read": {},
}


def snippets(case, base=BASE):
    return {each.key: each.code for each in load_snippets("https://hub.example", "team/a", "1.0.0", base, CASES[case])}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("base", [BASE, ""])
def test_every_program_is_python(case, base):
    for key, code in snippets(case, base).items():
        if key != "cli":
            compile(code, key, "exec")


def test_a_model_is_loaded_with_the_class_and_the_labels_that_the_files_ask_for():
    peft = snippets("with its head")["peft"]
    assert 'AutoModelForSequenceClassification.from_pretrained("org/tiny", num_labels=5)' in peft


def test_only_libraries_that_read_the_format_are_named():
    assert list(snippets("adapter alone")) == ["cli", "python", "peft", "transformers"]
    assert list(snippets("with its head")) == ["cli", "python", "peft"], "transformers alone would leave the head out"
    assert list(snippets("pictures")) == ["cli", "python", "diffusers"]
    assert list(snippets("another library")) == list(snippets("nothing read")) == ["cli", "python"]


def test_without_a_base_model_its_place_is_named():
    assert '"BASE_MODEL"' in snippets("adapter alone", base="")["peft"]
