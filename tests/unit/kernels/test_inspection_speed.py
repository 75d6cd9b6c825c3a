"""A warm inspection of a small LoRA stays well under the hub's budget."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from kernels.formats.base_shapes import BaseShapes
from tests.unit.kernels.cases import inspect


def test_a_lora_of_one_megabyte_is_inspected_in_less_than_200_ms(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors, shapes = {}, {}
    for layer in range(12):
        for name in ("q_proj", "v_proj"):
            path = f"model.layers.{layer}.self_attn.{name}"
            shapes[f"{path}.weight"] = [768, 768]
            tensors[f"base_model.model.{path}.lora_A.weight"] = rng.standard_normal((8, 768)).astype("f4")
            tensors[f"base_model.model.{path}.lora_B.weight"] = rng.standard_normal((768, 8)).astype("f4")
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    base = BaseShapes.from_parameter_shapes(shapes, config={"model_type": "llama"}, id="x")
    seconds = []
    for _ in range(6):
        started = time.perf_counter()
        assert inspect(tmp_path, base=base).verdict == "accepted"
        seconds.append(time.perf_counter() - started)
    assert statistics.median(seconds[1:]) < 0.2
