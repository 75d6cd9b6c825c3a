"""The check after loading: every tensor of the adapter's file is in the model, bit for bit, and none is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .errors import StitchIncomplete


def check_every_tensor_landed(model: Any, tensors: Mapping[str, torch.Tensor]) -> None:
    """Compare the adapter `tensors` of a file with what `model` (a PeftModel) now holds under the same names.

    A tensor that the model keeps in another dtype is compared after that same conversion.
    Raises StitchIncomplete that names the first tensor that differs, is absent, or was never in the file.
    """
    from peft import get_peft_model_state_dict

    own = get_peft_model_state_dict(model, save_embedding_layers=False)
    places = own
    if not own.keys() >= tensors.keys():
        # Embeddings that were resized or trained are in the file beside the adapter's own tensors.
        places = model.state_dict() | get_peft_model_state_dict(model, save_embedding_layers=True)
    for name, expected in tensors.items():
        held = places.get(name)
        if held is None:
            raise StitchIncomplete(f"The model has no place for {name}.", name, tuple(expected.shape))
        if not is_same(expected, held):
            raise StitchIncomplete(
                f"{name} in the model is not what the file holds.", name, tuple(expected.shape), tuple(held.shape)
            )
    for name, held in own.items():
        if name not in tensors:
            raise StitchIncomplete(f"The model needs {name}, which the file does not hold.", name, tuple(held.shape))


def is_same(expected: torch.Tensor, held: torch.Tensor) -> bool:
    """Whether two tensors have one shape and, in the dtype of `held`, the same bytes."""
    if expected.shape != held.shape:
        return False
    converted = expected.detach().to(device="cpu", dtype=held.dtype).contiguous().reshape(-1)
    present = held.detach().to(device="cpu").contiguous().reshape(-1)
    return torch.equal(converted.view(torch.uint8), present.view(torch.uint8))
