"""Every block of docs/KERNELS.md runs as written, in order, on folders that PEFT saved."""

import re
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

PAGE = Path(__file__).resolve().parents[3] / "docs" / "KERNELS.md"
CONFIG = LlamaConfig(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    vocab_size=100,
)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`a`, `b` and `c`: LoRAs of one tiny model whose B is not zero."""
    for seed, name in enumerate("abc"):
        torch.manual_seed(seed)
        model = get_peft_model(LlamaForCausalLM(CONFIG), LoraConfig(r=8, lora_alpha=16, task_type="CAUSAL_LM"))
        for parameter_name, parameter in model.named_parameters():
            if "lora_B" in parameter_name:
                torch.nn.init.normal_(parameter, std=0.02)
        model.save_pretrained(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_of_the_page_runs(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{PAGE.name}, block {number + 1}", "exec"), names)
    assert len(blocks) >= 6
    assert capsys.readouterr().out.startswith("accepted lora 8 ['q_proj', 'v_proj']")
    torch.manual_seed(0)
    loaded = PeftModel.from_pretrained(LlamaForCausalLM(CONFIG), str(folders / "merged"))
    assert any("lora_A" in name for name, _ in loaded.named_parameters())
