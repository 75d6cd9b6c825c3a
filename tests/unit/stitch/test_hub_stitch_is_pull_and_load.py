"""`Hub(url).stitch(base, name)` pulls through HTTP and returns the trained model's logits, bit for bit."""

from __future__ import annotations

from pathlib import Path

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save

from hubclient import Hub
from hubclient.errors import RefusedError, StitchError, UsageError
from tests.unit.hubclient.small_hub import SmallHub, serve


@pytest.fixture
def pushed(gpt2_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a small hub that serves a LoRA adapter for the tiny GPT-2, a client, and the model it came from."""
    monkeypatch.setenv("HUB_CONFIG", str(tmp_path / "config.json"))
    torch.manual_seed(6)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["c_attn"], init_lora_weights=False)
    model = peft.get_peft_model(transformers.AutoModelForCausalLM.from_pretrained(gpt2_folder), config).eval()
    model.save_pretrained(tmp_path / "trained")
    small_hub = SmallHub(blobs={path.name: path.read_bytes() for path in (tmp_path / "trained").iterdir()})
    server = serve(small_hub)
    with Hub(small_hub.url, "hub_right", cache=tmp_path / "cache") as hub:
        yield small_hub, hub, model
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("is_loaded", [True, False])
def test_logits_are_equal_bit_for_bit(is_loaded: bool, pushed, gpt2_folder: Path):
    _, hub, model = pushed
    base = transformers.AutoModelForCausalLM.from_pretrained(gpt2_folder) if is_loaded else gpt2_folder
    tokens = torch.arange(10).reshape(1, 10)
    with torch.no_grad():
        assert torch.equal(hub.stitch(base, "team/one@0.1.0")(tokens).logits, model(tokens).logits)


def test_half_an_adapter_is_an_integrity_error_with_its_tensor(pushed, gpt2_folder: Path, tmp_path: Path):
    small_hub, hub, _ = pushed
    tensors = load_file(tmp_path / "trained" / "adapter_model.safetensors")
    missing = sorted(tensors)[-1]
    del tensors[missing]
    small_hub.blobs["adapter_model.safetensors"] = save(tensors)
    with pytest.raises(StitchError) as caught:
        hub.stitch(gpt2_folder, "team/one")
    assert (caught.value.code, caught.value.tensor, caught.value.exit_code) == ("stitch_incomplete", missing, 5)


def test_a_base_model_that_is_not_here_is_not_fetched(pushed):
    _, hub, _ = pushed
    with pytest.raises(UsageError) as caught:
        hub.stitch("nobody/has-this-model", "team/one")
    assert caught.value.code == "base_not_local"


def test_another_architecture_is_refused(pushed, bert_folder: Path):
    _, hub, _ = pushed
    with pytest.raises(RefusedError):
        hub.stitch(bert_folder, "team/one")
