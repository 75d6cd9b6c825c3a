"""How a derivation is computed so that it comes out the same again: device, threads, and what it was made with."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from workers.evaluation.errors import Refused, is_out_of_memory

# Raised by whatever changes the bytes of a result.
RECIPES = 1
_LIBRARIES = ("torch", "numpy", "scipy", "safetensors", "peft", "cmaes")


def device_of(argument: Mapping[str, Any]) -> torch.device:
    """The device that was asked for where there is one like it, else CUDA where there is one, else the CPU."""
    wanted = argument.get("device")
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda")


@contextmanager
def settled(argument: Mapping[str, Any]) -> Iterator[None]:
    """Fixed threads and algorithms inside; whatever was set comes back."""
    from workers.evaluation.run import repeatable

    with repeatable(int(argument.get("threads") or 1)):
        yield


@contextmanager
def refusing() -> Iterator[None]:
    """What the kernels refuse is a refusal with a code; memory that ran out is a limit."""
    try:
        yield
    except (MemoryError, RuntimeError) as failure:
        if not is_out_of_memory(failure):
            raise
        raise Refused("resource_limit", "the parents do not fit into the memory of the device") from failure
    except ValueError as refusal:
        if getattr(refusal, "code", None):
            raise
        raise Refused("recipe_refused", str(refusal)) from refusal


def made_with(argument: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Versions, device and threads: what a result depends on beside its recipe and its parents."""
    found: dict[str, Any] = {"recipes": RECIPES, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    is_cuda = device.type == "cuda"
    return found | {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if is_cuda else platform.machine(),
        "threads": int(argument.get("threads") or 1),
    }
