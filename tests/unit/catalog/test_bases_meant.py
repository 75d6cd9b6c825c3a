"""Which base models a search for a name means."""

import pytest

from catalog.bases.models import BaseModel, BaseModelAlias
from catalog.bases.queries import bases_meant

LLAMAS = ["meta-llama/Llama-3-8B", "meta-llama/Llama-3.1-8B"]
NAMES = [*LLAMAS, "codellama/CodeLlama-34b", "llama2-7b", "openai/gpt2", "lab/bert"]


@pytest.fixture
def bases(db):
    made = {name: BaseModel.objects.create(name=name) for name in NAMES}
    BaseModel.objects.create(name="openai/gpt2", revision="other")
    BaseModelAlias.objects.create(base=made["lab/bert"], name="bert-base-uncased")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gpt2", ["openai/gpt2", "openai/gpt2"]),
        ("OpenAI/GPT2", ["openai/gpt2", "openai/gpt2"]),
        ("llama-3", LLAMAS),
        ("llama", ["llama2-7b", *LLAMAS]),
        ("meta-llama/", LLAMAS),
        ("8b", LLAMAS),
        ("bert-base", ["lab/bert"]),
        ("bert-base-uncased", ["lab/bert"]),
        ("ber", ["lab/bert"]),
        ("ert", []),
        ("", []),
        ("%", []),
    ],
)
def test_a_name_means_that_model_and_part_of_a_name_all_that_have_it(bases, typed, meant):
    assert sorted(BaseModel.objects.filter(pk__in=bases_meant(typed)).values_list("name", flat=True)) == meant
