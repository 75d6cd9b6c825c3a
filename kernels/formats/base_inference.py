"""Guessing module kinds from parameter names and dimensions, for bases known by a shape table alone."""

from __future__ import annotations

from collections.abc import Mapping

from .base_shapes import CONV1D_MODEL_TYPES, ModuleShape, embedding_name

_NOT_CONV1D = ("lm_head", "score", "classifier", "qa_outputs", "summary", "wte", "wpe")


def modules_from_parameters(shapes: Mapping[str, tuple[int, ...]], model_type: str | None) -> dict[str, ModuleShape]:
    """Group `module.weight` and `module.bias` into modules; anything else is a bare parameter."""
    modules: dict[str, ModuleShape] = {}
    for name, shape in shapes.items():
        path, _, last = name.rpartition(".")
        if last == "weight" and path:
            bias = shapes.get(f"{path}.bias")
            modules[path] = ModuleShape(_kind(path, shape, bias, model_type), shape, bias is not None)
        elif last == "bias" and f"{path}.weight" in shapes:
            continue
        else:
            modules[name] = ModuleShape("parameter", shape)
    return modules


def _kind(path: str, shape: tuple[int, ...], bias: tuple[int, ...] | None, model_type: str | None) -> str:
    if len(shape) == 1:
        return "norm"
    if len(shape) > 2:
        return "conv2d"
    if len(shape) != 2:
        return "unknown"
    if bias is None and embedding_name(path):
        return "embedding"
    if model_type in CONV1D_MODEL_TYPES and path.rsplit(".", 1)[-1] not in _NOT_CONV1D:
        return "conv1d"
    if bias == shape[1:] and shape[0] != shape[1]:  # a bias is as wide as the output, so this weight is (in, out)
        return "conv1d"
    return "linear"
