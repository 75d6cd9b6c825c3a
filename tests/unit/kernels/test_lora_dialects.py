"""LoRA files of other trainers: each dialect is read into the same pairs, with its own scale and orientation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from kernels.formats.base_shapes import BaseShapes
from tests.unit.kernels.cases import codes, inspect

RNG = np.random.default_rng(0)
UNET = BaseShapes.from_parameter_shapes(
    {
        "components": {
            "unet": {
                "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight": [32, 16],
                "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0.weight": [16, 32],
                "conv_in.weight": [8, 4, 3, 3],
            },
            "text_encoder": {"text_model.encoder.layers.0.self_attn.q_proj.weight": [24, 24]},
        }
    },
    id="tiny/diffusion",
)
BLOCK = "down_blocks.0.attentions.0.transformer_blocks.0.attn1"


def factor(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def write(folder: Path, tensors: dict[str, np.ndarray], config: Any = None, name: str = "weights.safetensors") -> Path:
    save_file(tensors, folder / name)
    if config is not None:
        (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    return folder


def test_kohya_modules_are_resolved_against_the_base_and_scaled_by_their_alpha(tmp_path: Path) -> None:
    stem = f"lora_unet_{BLOCK.replace('.', '_')}"
    a, b = factor(4, 16), factor(32, 4)
    tensors = {
        f"{stem}_to_q.lora_down.weight": a,
        f"{stem}_to_q.lora_up.weight": b,
        f"{stem}_to_q.alpha": np.array(2, "f4"),
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": factor(2, 24),
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight": factor(24, 2),
        "lora_unet_conv_in.lora_down.weight": factor(4, 4, 3, 3),
        "lora_unet_conv_in.lora_up.weight": factor(8, 4, 1, 1),
    }
    result = inspect(write(tmp_path, tensors), base=UNET)
    assert (result.verdict, codes(result), result.facts["format"]) == ("accepted", set(), "kohya")
    assert (result.facts["ranks"], result.facts["base"]["confirmed"]) == ({"2": 1, "4": 2}, True)
    norm = result.facts["spectrum"]["modules"][f"{stem}_to_q"]["norm"]
    assert norm == pytest.approx(np.linalg.norm(0.5 * b @ a), rel=1e-5)


def test_kohya_loha_is_typed_as_loha(tmp_path: Path) -> None:
    stem = "lora_unet_mid_block_x"
    tensors = {f"{stem}.{name}": factor(4, 4) for name in ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")}
    result = inspect(write(tmp_path, {**tensors, f"{stem}.alpha": np.array(4, "f4")}))
    assert (result.facts["method"], result.verdict) == ("loha", "accepted")


@pytest.mark.parametrize(
    ("down", "up"),
    [
        (f"{BLOCK}.processor.to_q_lora.down.weight", f"{BLOCK}.processor.to_q_lora.up.weight"),
        (f"unet.{BLOCK}.to_q.lora.down.weight", f"unet.{BLOCK}.to_q.lora.up.weight"),
        (f"unet.{BLOCK}.to_q.lora_A.weight", f"unet.{BLOCK}.to_q.lora_B.weight"),
    ],
)
def test_every_generation_of_diffusers_is_read(down: str, up: str, tmp_path: Path) -> None:
    result = inspect(write(tmp_path, {down: factor(4, 16), up: factor(32, 4)}), base=UNET)
    assert (result.facts["format"], result.facts["rank"], result.facts["base"]["confirmed"]) == ("diffusers", 4, True)
    assert result.facts["requirements"] == [[f"unet.{BLOCK}.to_q", 32, 16]]


def test_mlx_factors_are_transposed_and_the_scale_is_stored(tmp_path: Path) -> None:
    a, b = factor(16, 4), factor(4, 32)
    tensors = {"model.layers.0.self_attn.q_proj.lora_a": a, "model.layers.0.self_attn.q_proj.lora_b": b}
    config = {"fine_tune_type": "lora", "lora_parameters": {"rank": 4, "scale": 10.0, "dropout": 0.0}, "num_layers": 1}
    result = inspect(write(tmp_path, tensors, config, "adapters.safetensors"))
    assert (result.verdict, result.facts["format"]) == ("accepted", "mlx")
    assert result.facts["requirements"] == [["model.layers.0.self_attn.q_proj", 32, 16]]
    assert result.facts["spectrum"]["norm"] == pytest.approx(np.linalg.norm(10 * a @ b), rel=1e-5)


def test_a_lora_of_the_adapters_library_is_read(tmp_path: Path) -> None:
    stem = "roberta.encoder.layer.3.attention.self.query.loras.sst.lora_"
    config = {
        "config": {"architecture": "lora", "r": 4, "alpha": 8, "composition_mode": "add"},
        "model_name": "roberta-base",
        "model_class": "RobertaAdapterModel",
        "name": "sst",
        "hidden_size": 16,
    }
    result = inspect(
        write(tmp_path, {f"{stem}A": factor(4, 16), f"{stem}B": factor(16, 4)}, config, "adapter.safetensors")
    )
    assert (result.verdict, result.facts["method"], result.facts["scaling"]) == ("accepted", "lora-ah", 2.0)
    assert (result.facts["layers"], result.facts["base"]["declared"]) == ([3], "roberta-base")


def test_a_bottleneck_of_the_adapters_library_is_typed_by_its_configuration(tmp_path: Path) -> None:
    stem = "bert.encoder.layer.0.output.adapters.a"
    tensors = {f"{stem}.adapter_down.0.weight": factor(4, 16), f"{stem}.adapter_up.weight": factor(16, 4)}
    config = {
        "config": {"mh_adapter": False, "reduction_factor": 4},
        "model_name": "bert",
        "model_class": "X",
        "name": "a",
    }
    result = inspect(write(tmp_path, tensors, config, "adapter.safetensors"))
    assert (result.verdict, result.facts["method"], result.facts["family"]) == (
        "accepted",
        "bottleneck-pfeiffer",
        "bottleneck",
    )


@pytest.mark.parametrize(
    ("tensors", "tensor"),
    [
        ({"w_a_000": (4, 16), "w_b_000": (16, 4), "w_a_001": (4, 16)}, "w_a_001"),
        ({"unet:0:up": (16, 4)}, "unet:0:up"),
        ({"unet.x.lora.down.weight": (4, 16)}, "unet.x.lora.down.weight"),
        ({"lora_unet_x.lora_up.weight": (16, 4)}, "lora_unet_x.lora_up.weight"),
    ],
)
def test_half_a_pair_is_refused_in_every_dialect(
    tensors: dict[str, tuple[int, ...]], tensor: str, tmp_path: Path
) -> None:
    result = inspect(write(tmp_path, {name: factor(*shape) for name, shape in tensors.items()}))
    assert ("half_missing", tensor) in {(finding.code, finding.tensor) for finding in result.findings}
