"""Tiny random models and real PEFT saves of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernels.formats.base_shapes import BaseShapes
from tests.unit.kernels.cases import BASE_CONFIGS


@pytest.fixture(scope="session")
def base_of() -> Callable[[str], BaseShapes]:
    """The shape table of a tiny base, built on the meta device."""
    pytest.importorskip("torch", reason="building base shapes needs torch")
    from kernels.meta_shapes import shape_table_from_config

    return lambda name: shape_table_from_config(BASE_CONFIGS[name], id=f"tiny/{name}")


@pytest.fixture
def save_peft(tmp_path: Path) -> Callable[..., Path]:
    """Apply a PEFT config to a tiny random model, make every weight non-zero, save it, give the folder."""
    pytest.importorskip("peft", reason="real saves need PEFT")

    def save(
        base: str, config: Any, *, task: str = "AutoModelForCausalLM", folder: str = "adapter", **more: Any
    ) -> Path:
        import torch
        import transformers
        from peft import get_peft_model

        torch.manual_seed(0)
        model_config = transformers.AutoConfig.for_model(**{**BASE_CONFIGS[base], **more})
        model = get_peft_model(getattr(transformers, task).from_config(model_config), config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad and parameter.is_floating_point():
                    parameter.add_(torch.randn_like(parameter) * 0.02)
        model.save_pretrained(tmp_path / folder)
        return tmp_path / folder

    return save
