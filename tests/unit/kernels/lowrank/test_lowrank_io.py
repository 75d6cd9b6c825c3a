"""Adapters come in from every dialect with their scales, and go out as LoRA folders that PEFT loads unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from kernels.formats.errors import FormatError
from kernels.lowrank import LowRankUpdate, norms
from kernels.lowrank_io import load_layout, load_updates, save_lora

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "real_adapters"


def real(slug: str) -> Path:
    if not REAL.is_dir():
        pytest.skip("needs ../shared, which is not beside this checkout")
    return REAL / slug


def tiny_llama():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=40, **sizes)).eval()


def logits(model) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(12).reshape(2, 6)).logits


def make_peft(model, **options):
    """A PEFT model whose B factors are not zero."""
    peft = pytest.importorskip("peft")
    made = peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj", "v_proj"], **options)).eval()
    torch.manual_seed(1)
    for name, parameter in made.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return made


@pytest.mark.parametrize(
    "options",
    [
        {"r": 4, "lora_alpha": 9},
        {"r": 4, "lora_alpha": 9, "use_rslora": True},
        {"r": 4, "lora_alpha": 8, "rank_pattern": {"q_proj": 2}, "alpha_pattern": {"layers.1.self_attn.v_proj": 5}},
    ],
    ids=["alpha", "rslora", "patterns"],
)
def test_reading_and_writing_keeps_the_logits_of_peft(tmp_path, options):
    peft = pytest.importorskip("peft")
    made = make_peft(tiny_llama(), **options)
    expected = logits(made)
    made.save_pretrained(tmp_path / "from")
    save_lora(load_updates(tmp_path / "from"), tmp_path / "to", base_model="tiny", task_type="CAUSAL_LM")
    again = peft.PeftModel.from_pretrained(tiny_llama(), tmp_path / "to").eval()
    assert torch.allclose(logits(again), expected, atol=1e-5)
    assert not torch.allclose(logits(tiny_llama()), expected, atol=1e-2)


def test_ranks_that_differ_stand_in_the_patterns(tmp_path):
    adapter = {
        f"layers.{layer}.q_proj": LowRankUpdate(torch.randn(rank, 6), torch.randn(5, rank))
        for layer, rank in enumerate((2, 2, 3))
    }
    folder = save_lora(adapter, tmp_path / "out", base_model="tiny")
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (2, 2)
    assert config["rank_pattern"] == config["alpha_pattern"] == {"layers.2.q_proj": 3}
    again = load_updates(folder)
    assert all(torch.equal(again[name].dense(), update.dense()) for name, update in adapter.items())
    with pytest.raises(FileExistsError, match="holds an adapter already"):
        save_lora(adapter, folder, base_model="tiny")


def test_embeddings_and_convolutions_go_back_as_they_came(tmp_path):
    root = "base_model.model."
    tensors = {
        f"{root}embed_tokens.lora_embedding_A": torch.randn(2, 10),
        f"{root}embed_tokens.lora_embedding_B": torch.randn(4, 2),
        f"{root}patch.lora_A.weight": torch.randn(2, 3, 5, 5),
        f"{root}patch.lora_B.weight": torch.randn(6, 2, 1, 1),
    }
    (tmp_path / "from").mkdir()
    save_file(tensors, tmp_path / "from" / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["embed_tokens", "patch"]}
    (tmp_path / "from" / "adapter_config.json").write_text(json.dumps(config))
    updates = load_updates(tmp_path / "from")
    assert (updates["patch"].d_in, updates["embed_tokens"].d_in) == (75, 10)
    layout = load_layout(tmp_path / "from")
    save_lora(updates, tmp_path / "to", base_model="tiny", layout=layout)
    with safe_open(tmp_path / "to" / "adapter_model.safetensors", "pt") as file:
        assert {name: file.get_tensor(name).shape for name in file.keys()} == {  # noqa: SIM118 - not a mapping
            name: tensor.shape for name, tensor in tensors.items()
        }
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in tensors.items())


def test_dora_is_refused_unless_its_pairs_alone_are_wanted(tmp_path):
    make_peft(tiny_llama(), r=2, use_dora=True).save_pretrained(tmp_path)
    with pytest.raises(FormatError, match="more than low-rank pairs"):
        load_updates(tmp_path)
    assert len(load_updates(tmp_path, is_partial_allowed=True)) == 4


def test_a_peft_file_without_its_configuration_is_refused(tmp_path):
    make_peft(tiny_llama(), r=2).save_pretrained(tmp_path)
    with pytest.raises(FormatError, match="give the folder"):
        load_updates(tmp_path / "adapter_model.safetensors")
    with pytest.raises(ValueError, match="received 'nowhere'"):
        load_updates(tmp_path, modules=["nowhere"])


@pytest.mark.parametrize(
    ("slug", "modules", "rank"),
    [
        ("gemma3-270m-svg-zouhe", 72, 4),
        ("gpt2-peft", 12, 8),
        ("sam-lora-rank16-v3", 24, 16),
        ("sd-diffusers-pokemon", 128, 4),
    ],
)
def test_real_adapters_have_the_norm_of_their_inspection(slug, modules, rank):
    from kernels.formats.inspection import inspect_folder

    folder = real(slug)
    updates = load_updates(folder)
    assert len(updates) == modules
    assert {update.rank for update in updates.values()} == {rank}
    facts = inspect_folder({file.name: file for file in folder.iterdir()}).facts
    assert float(norms(list(updates.values())).norm()) == pytest.approx(facts["spectrum"]["norm"], rel=1e-5)
