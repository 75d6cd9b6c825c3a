"""Heads and other full copies go from one adapter's folder into another's, bit for bit."""

import json

import pytest

torch = pytest.importorskip("torch", reason="tensors are read with torch")

from kernels.copies import Copies, load_copies  # noqa: E402
from kernels.lowrank import LowRankUpdate  # noqa: E402
from kernels.lowrank_io import load_updates, save_lora  # noqa: E402


def update(seed: int) -> LowRankUpdate:
    generator = torch.Generator().manual_seed(seed)
    return LowRankUpdate(torch.randn(2, 6, generator=generator), torch.randn(5, 2, generator=generator))


def test_a_head_is_read_and_written_bit_for_bit_with_what_the_config_says_of_it(tmp_path):
    head = Copies(
        {"base_model.model.score.weight": torch.randn(3, 6).half()},
        {"base_model.model.score.weight": "score"},
        {"modules_to_save": ["score"], "task_type": "SEQ_CLS", "id2label": {"0": "a", "1": "b", "2": "c"}},
    )
    folder = save_lora({"layers.0.q": update(1)}, tmp_path / "made", base_model="x/y", copies=head)
    read = load_copies(folder)
    assert read.is_same(head)
    assert read.options == {**head.options, "bias": "none"}
    assert read.modules == head.modules
    assert read.size_bytes == 36
    assert json.loads((folder / "adapter_config.json").read_text())["task_type"] == "SEQ_CLS"
    assert list(load_updates(folder)) == ["layers.0.q"]
    other = Copies({"base_model.model.score.weight": torch.zeros(3, 6).half()})
    assert not read.is_same(other)
    assert not read.is_same(Copies())


def test_an_adapter_without_copies_has_none(tmp_path):
    folder = save_lora({"layers.0.q": update(1)}, tmp_path / "made", base_model="x/y")
    assert load_copies(folder) == Copies()
    files = {item.name: item for item in folder.iterdir()}
    assert not load_copies(files).tensors
