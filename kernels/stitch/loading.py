"""Load an adapter's folder onto a base model with PEFT: from local files alone, and checked afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedModel

from .errors import CannotStitch, StitchIncomplete
from .landing import check_every_tensor_landed
from .model_class import choose_model_class

__all__ = ["CannotStitch", "StitchIncomplete", "load_adapter"]

CONFIG_NAME = "adapter_config.json"
WEIGHTS_NAME = "adapter_model.safetensors"
# Settings that make PEFT import modules or read further files by name.
REFUSED_SETTINGS = ("megatron_config", "prompt_tuning_init_state_dict_path", "tokenizer_kwargs")
NEEDS_OTHER_FILES = frozenset({"XLORA"})


def load_adapter(base: PreTrainedModel | str | Path, folder: Path, *, dtype: torch.dtype | None = None) -> PeftModel:
    """A PeftModel in eval mode: the PEFT adapter in `folder` attached to `base`.

    `base` is a loaded transformers model, which PEFT changes in place, or the local folder of one; then the class
    follows the adapter's task type, and the number of labels its head. The base model's name in the adapter's config
    is ignored, nothing is fetched, no pickle and no remote code is run.
    Raises CannotStitch with a stable code, StitchIncomplete when a tensor did not arrive bit for bit.
    """
    config = _read_config(folder)
    tensors = _read_tensors(folder)
    is_loaded = isinstance(base, PreTrainedModel)
    model = base if isinstance(base, PreTrainedModel) else _load_base(Path(base), config, tensors, dtype)
    if isinstance(base, PeftModel) or getattr(model, "peft_config", None):
        raise CannotStitch("already_adapted", "The base model already carries an adapter.", "Load it afresh.")
    _make_room_for_embeddings(model, tensors)
    peft_config = PeftConfig.from_pretrained(str(folder))
    peft_config.base_model_name_or_path = str(model.config.name_or_path if is_loaded else base)
    peft_config.revision = None
    peft_config.inference_mode = True
    if hasattr(peft_config, "prompt_tuning_init"):
        # Every initial value is overwritten by the file; the other ways would look for a tokenizer or a file.
        peft_config.prompt_tuning_init = "RANDOM"
    try:
        stitched: PeftModel = PeftModel.from_pretrained(
            model, str(folder), config=peft_config, is_trainable=False, torch_device=str(model.device)
        )
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise CannotStitch(
            "adapter_does_not_fit", f"PEFT cannot attach it: {str(error)[:1000]}", "Is this the base model it is for?"
        ) from error
    stitched.eval()
    check_every_tensor_landed(stitched, tensors)
    return stitched


def _read_config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
        peft_type = config.get("peft_type")
    except (OSError, ValueError, AttributeError) as error:
        raise CannotStitch("not_peft", f"No readable {CONFIG_NAME}: {error}.", "Convert it to PEFT.") from error
    if not isinstance(peft_type, str):
        raise CannotStitch("not_peft", f"{CONFIG_NAME} names no peft_type.", "Convert it to PEFT.")
    if peft_type in NEEDS_OTHER_FILES:
        raise CannotStitch("needs_other_files", f"{peft_type} builds on adapters that are not in this folder.")
    for name in REFUSED_SETTINGS:
        if config.get(name):
            raise CannotStitch("setting_refused", f"{CONFIG_NAME} sets {name}, which would load more than this folder.")
    return dict(config)


def _read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(folder / WEIGHTS_NAME)
    except (OSError, SafetensorError) as error:
        raise CannotStitch("not_peft", f"There is no readable {WEIGHTS_NAME}: {error}.") from error


def _load_base(
    place: Path, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor], dtype: torch.dtype | None
) -> PreTrainedModel:
    if not (place / "config.json").is_file():
        raise CannotStitch("base_not_found", f"{place} is no model folder: it has no config.json.")
    if (place / CONFIG_NAME).exists():
        raise CannotStitch("already_adapted", f"{place} is an adapter's folder, not a base model's.")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    model_class, arguments = choose_model_class(config, shapes)
    if dtype is not None:
        arguments["dtype"] = dtype
    try:
        model: PreTrainedModel = model_class.from_pretrained(  # type: ignore[attr-defined]
            str(place), local_files_only=True, trust_remote_code=False, use_safetensors=True, **arguments
        )
    except (OSError, ValueError) as error:
        raise CannotStitch("base_not_found", f"The base model in {place} cannot be loaded: {error}") from error
    return model


def _make_room_for_embeddings(model: PreTrainedModel, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give the token embedding `(rows, d)` the rows that the file brings for it, as when tokens were added."""
    embedding = model.get_input_embeddings()
    name = next((name for name, module in model.named_modules() if module is embedding), None)
    if name is None:
        return
    for ending in (f".{name}.weight", f".{name}.base_layer.weight"):
        for tensor_name, tensor in tensors.items():
            if tensor_name.endswith(ending) and tensor.shape[0] != embedding.weight.shape[0]:
                model.resize_token_embeddings(tensor.shape[0], mean_resizing=False)
                return
