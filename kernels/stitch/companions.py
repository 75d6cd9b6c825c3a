"""A second adapter beside the first: both updates act at once, as with a language adapter below a task adapter."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer

from .errors import CannotStitch, StitchIncomplete
from .landing import is_same
from .loading import _read_config, _read_tensors

COMPANION = "companion"
_OWN = "default"


def join_companion(stitched: PeftModel, folder: Path) -> None:
    """Let the LoRA in `folder` act in `stitched` too, so that a layer computes W + both updates; heads stay.

    Raises:
        CannotStitch: `companion_does_not_fit`, unless both are plain LoRAs and the second brings no other tensors.
        StitchIncomplete: a tensor of the file did not arrive bit for bit.
    """
    config, tensors = _read_config(folder), _read_tensors(folder)
    own = stitched.peft_config[_OWN]
    plain = config["peft_type"] == "LORA" and not config.get("use_dora")
    if not plain or own.peft_type != "LORA" or getattr(own, "use_dora", False):
        raise _does_not_fit("only plain LoRAs are added to each other")
    if others := sorted(name for name in tensors if ".lora_" not in name):
        raise _does_not_fit(f"it brings {others[0]}, which is no update of a layer")
    try:
        stitched.load_adapter(str(folder), COMPANION, is_trainable=False, torch_device=str(stitched.device))
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise _does_not_fit(f"PEFT cannot attach it: {str(error)[:500]}") from error
    _check_landed(stitched, tensors)
    for module in stitched.modules():
        if isinstance(module, LoraLayer):
            module.set_adapter([_OWN, COMPANION])
    stitched.eval().requires_grad_(False)


def _check_landed(stitched: PeftModel, tensors: dict[str, torch.Tensor]) -> None:
    held = get_peft_model_state_dict(stitched, adapter_name=COMPANION, save_embedding_layers=False)
    for name, expected in tensors.items():
        if name not in held or not is_same(expected, held[name]):
            raise StitchIncomplete(f"{name} of the companion is not in the model.", name, tuple(expected.shape))


def _does_not_fit(why: str) -> CannotStitch:
    return CannotStitch(
        "companion_does_not_fit", f"The companion cannot act beside the adapter: {why}.", "Choose a plain LoRA."
    )
