"""A second adapter beside the first: both updates act at once, as with a language adapter below a task adapter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import torch
from peft import PeftConfig, PeftModel
from peft.tuners.lora import LoraLayer

from .errors import CannotStitch, StitchIncomplete
from .loading import _read_config, _read_tensors

COMPANION = "companion"
_OWN = "default"
_ROOT = "base_model.model."
_FACTOR = re.compile(r"(.+\.lora_[A-Za-z_]+)(\.weight)?")


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
    second = PeftConfig.from_pretrained(str(folder))
    # Its task does not matter: it must not bring a head of its own beside the first one's.
    second.task_type, second.inference_mode = None, True
    try:
        PeftModel.add_adapter(stitched, COMPANION, second)
    except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise _does_not_fit(f"PEFT cannot attach it: {str(error)[:500]}") from error
    _lay_down(stitched, tensors)
    for module in stitched.modules():
        if isinstance(module, LoraLayer):
            module.set_adapter([_OWN, COMPANION])
    stitched.eval().requires_grad_(False)


def _lay_down(stitched: PeftModel, tensors: dict[str, torch.Tensor]) -> None:
    """Copy every tensor of the file to its place, whether it was saved with a head's class around the body or not."""
    places = {name: held for name, held in stitched.named_parameters() if f".{COMPANION}" in name}
    prefix = f"{stitched.base_model.model.base_model_prefix}."
    left = set(places)
    for name, tensor in tensors.items():
        found = next((place for place in _names(name, prefix) if place in left), None)
        if found is None or places[found].shape != tensor.shape:
            raise StitchIncomplete(f"The model has no place for {name} of the companion.", name, tuple(tensor.shape))
        with torch.no_grad():
            places[found].copy_(tensor)
        left.discard(found)
    if left:
        first = min(left)
        raise StitchIncomplete(
            f"The model needs {first}, which the companion's file does not hold.", first, tuple(places[first].shape)
        )


def _names(name: str, prefix: str) -> Iterator[str]:
    """Where a tensor of the file may be: as it is called, or with the body's prefix put in or taken out."""
    inside = name.removeprefix(_ROOT)
    for path in (inside, prefix + inside, inside.removeprefix(prefix)):
        if found := _FACTOR.fullmatch(path):
            yield f"{_ROOT}{found[1]}.{COMPANION}{found[2] or ''}"


def _does_not_fit(why: str) -> CannotStitch:
    return CannotStitch(
        "companion_does_not_fit", f"The companion cannot act beside the adapter: {why}.", "Choose a plain LoRA."
    )
