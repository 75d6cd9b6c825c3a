"""What comes out of `load_adapter` gives the same logits, bit for bit, as the model the adapter was saved from."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers

from kernels.stitch.loading import load_adapter

INPUT = {"input_ids": torch.arange(1, 21).reshape(2, 10), "attention_mask": torch.ones(2, 10, dtype=torch.long)}
ATTENTION = {"bert": ["query", "value"], "gpt2": ["c_attn"]}
CLASSES = {"SEQ_CLS": "AutoModelForSequenceClassification", "CAUSAL_LM": "AutoModelForCausalLM"}


def trained(base: Path, config: peft.PeftConfig, num_labels: int | None = None) -> Any:
    """Return a model with a new adapter after three real steps of training."""
    torch.manual_seed(3)
    arguments = {"num_labels": num_labels} if num_labels else {}
    model_class = getattr(transformers, CLASSES.get(str(config.task_type), "AutoModel"))
    model = peft.get_peft_model(model_class.from_pretrained(base, **arguments), config)
    model.config.pad_token_id = 0
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=0.5)
    for _ in range(3):
        output = model(**INPUT)
        (output.logits if "logits" in output else output.last_hidden_state).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def answer(model: Any) -> torch.Tensor:
    """Return logits, or the hidden states of a model without a head."""
    model.config.pad_token_id = 0
    with torch.no_grad():
        output = model(**INPUT)
    return output.logits if "logits" in output else output.last_hidden_state


def cls(kind: str, **options: Any) -> Any:
    """Return a PEFT config for classification on BERT."""
    return getattr(peft, kind)(task_type="SEQ_CLS", **options)


BERT_CASES = {
    "lora": lambda: cls("LoraConfig", r=4, target_modules=["query", "value"]),
    "dora": lambda: cls("LoraConfig", r=4, use_dora=True, target_modules=["query", "value"]),
    "rank pattern": lambda: cls("LoraConfig", r=4, rank_pattern={"query": 2}, target_modules=["query", "value"]),
    "ia3": lambda: cls("IA3Config", target_modules=["key", "value"], feedforward_modules=[]),
    "loha": lambda: cls("LoHaConfig", r=2, target_modules=["query", "value"]),
    "lokr": lambda: cls("LoKrConfig", r=2, target_modules=["query", "value"]),
    "vera": lambda: cls("VeraConfig", r=2, target_modules=["query", "value"]),
    "prompt tuning": lambda: cls("PromptTuningConfig", num_virtual_tokens=3),
    "p-tuning": lambda: cls("PromptEncoderConfig", num_virtual_tokens=3, encoder_hidden_size=16),
}


@pytest.mark.parametrize("case", BERT_CASES)
def test_on_bert_with_a_head_of_five_labels_found_in_the_file(case: str, bert_folder: Path, tmp_path: Path):
    model = trained(bert_folder, BERT_CASES[case](), num_labels=5)
    model.save_pretrained(tmp_path)
    stitched = load_adapter(bert_folder, tmp_path)
    assert answer(stitched).shape == (2, 5)
    assert torch.equal(answer(stitched), answer(model))
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(bert_folder, num_labels=5).eval()
    assert not torch.equal(answer(stitched), answer(plain)), "an adapter that changes nothing would prove nothing"


@pytest.mark.parametrize("kind", ["LoraConfig", "PrefixTuningConfig", "PromptTuningConfig"])
def test_on_gpt2_as_a_language_model(kind: str, gpt2_folder: Path, tmp_path: Path):
    options = {"r": 4, "target_modules": ["c_attn"]} if kind == "LoraConfig" else {"num_virtual_tokens": 3}
    model = trained(gpt2_folder, getattr(peft, kind)(task_type="CAUSAL_LM", **options))
    model.save_pretrained(tmp_path)
    assert torch.equal(answer(load_adapter(gpt2_folder, tmp_path)), answer(model))


def test_without_a_task_type_the_class_noted_by_peft_is_used(bert_folder: Path, tmp_path: Path):
    model = trained(bert_folder, peft.LoraConfig(r=4, target_modules=["query"]))
    model.save_pretrained(tmp_path)
    stitched = load_adapter(bert_folder, tmp_path)
    assert type(stitched.get_base_model()).__name__ == "BertModel"
    assert torch.equal(answer(stitched), answer(model))


def test_a_loaded_model_serves_as_well_as_a_folder(gpt2_folder: Path, tmp_path: Path):
    model = trained(gpt2_folder, peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["c_attn"]))
    model.save_pretrained(tmp_path)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(gpt2_folder)
    assert torch.equal(answer(load_adapter(loaded, tmp_path)), answer(model))


def test_tokens_added_before_training_arrive_with_the_adapter(gpt2_folder: Path, tmp_path: Path):
    torch.manual_seed(4)
    base = transformers.AutoModelForCausalLM.from_pretrained(gpt2_folder)
    base.resize_token_embeddings(104)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["c_attn"], modules_to_save=["wte"])
    model = peft.get_peft_model(base, config).eval()
    model.save_pretrained(tmp_path)
    assert torch.equal(answer(load_adapter(gpt2_folder, tmp_path)), answer(model))


def test_nothing_is_fetched_whatever_base_model_the_config_names(
    bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = trained(bert_folder, BERT_CASES["lora"](), num_labels=2)
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "somebody/elsewhere"
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    stitched = load_adapter(bert_folder, tmp_path)
    assert stitched.peft_config["default"].base_model_name_or_path == str(bert_folder)
    assert not stitched.training
