"""Shapes without weights, by building models on the meta device; needs torch, so only worker children import it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import peft
import torch
import transformers
from transformers.pytorch_utils import Conv1D

from .formats.adapter_config import check_config
from .formats.base_shapes import BaseShapes, ModuleShape, sizes_from_config
from .formats.errors import FormatError

_TASK_CLASSES = {
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
}
_TRAINING_ONLY: dict[str, Any] = {"lora_ga_config": None, "corda_config": None, "eva_config": None, "loftq_config": {}}
_MAX_HIDDEN_LAYERS = 1000
_MAX_CPU_PARAMETERS = 150_000_000


def shape_table_from_config(config: Mapping[str, Any], *, id: str = "", revision: str = "main") -> BaseShapes:
    """Shape table of the architecture that `config` (a config.json) describes, kinds read from module classes.

    No weights are made and no remote code is run. Raises FormatError `architecture_unknown` when transformers does
    not know the model type or cannot build it.
    """
    model_config = _model_config(config)
    model = _build(model_config, _architecture_class(model_config))
    modules = _modules(model)
    if type(config.get("architectures")) is list:
        modules |= _body_modules(model_config, model, modules)
    hidden_size, num_layers = sizes_from_config(config)
    text = model_config.get_text_config()
    return BaseShapes(
        id, revision, model_config.model_type, tuple(config.get("architectures") or ()),
        model.base_model_prefix or None, hidden_size or getattr(text, "hidden_size", None),
        num_layers or getattr(text, "num_hidden_layers", None), modules,
    )  # fmt: skip


def _modules(model: Any) -> dict[str, ModuleShape]:
    model.tie_weights()
    seen: set[int] = set()
    modules = {path: row for path, module in model.named_modules() for row in _row(module, seen) if path}
    for name, parameter in model.named_parameters():
        if name.rpartition(".")[0] not in modules:
            modules[name] = ModuleShape("parameter", tuple(parameter.shape))
    return modules


def _body_modules(config: Any, model: Any, modules: Mapping[str, ModuleShape]) -> dict[str, ModuleShape]:
    """Modules of the plain body that this architecture leaves out and others keep, such as BERT's pooler."""
    prefix = model.base_model_prefix
    try:
        body = _modules(_build(config, transformers.AutoModel))
    except FormatError:
        return {}
    named = {f"{prefix}.{path}" if prefix and hasattr(model, prefix) else path: row for path, row in body.items()}
    return {path: row for path, row in named.items() if path not in modules}


def expected_peft_shapes(
    config: Mapping[str, Any], adapter_config: Mapping[str, Any], *, num_labels: int | None = None
) -> dict[str, tuple[int, ...]]:
    """Names and shapes that PEFT would save for `adapter_config` on the base described by `config`.

    The base is built for the adapter's task type on the meta device. Raises FormatError: `config_value_refused` or
    `config_key_unknown` when the configuration is not allowed, `architecture_unknown` for the base, `module_unknown`
    when PEFT finds none of the targeted modules, `peft_not_buildable` when PEFT cannot build this method so.
    """
    errors = [finding for finding in check_config(adapter_config)[1] if finding.severity == "error"]
    if errors:
        raise FormatError(errors[0].code, errors[0].message, hint=errors[0].hint)
    model_config = _model_config(config)
    if num_labels is not None:
        model_config.num_labels = num_labels
    model_class = _task_class(model_config, adapter_config.get("task_type"))
    try:
        return _peft_shapes(_build(model_config, model_class), adapter_config)
    except FormatError:
        raise
    except Exception:
        return _peft_shapes_on_cpu(model_config, model_class, adapter_config)


def _peft_shapes_on_cpu(config: Any, model_class: Any, adapter_config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The same with random weights, for methods that cannot be built without values, on bases small enough."""
    parameters = sum(parameter.numel() for parameter in _build(config, model_class).parameters())
    if parameters > _MAX_CPU_PARAMETERS:
        raise FormatError(
            "peft_not_buildable", f"This method needs weights to be built, and the base has {parameters} of them.",
            expected=_MAX_CPU_PARAMETERS, received=parameters,
        )  # fmt: skip
    try:
        return _peft_shapes(_build(config, model_class, "cpu"), adapter_config, "cpu")
    except (ValueError, TypeError, KeyError, RuntimeError, NotImplementedError, AttributeError) as error:
        text = str(error)
        code = "module_unknown" if re.search(r"[Tt]arget modules? .*not found", text) else "peft_not_buildable"
        raise FormatError(code, f"PEFT cannot build this adapter: {text}"[:400]) from None


def _model_config(config: Mapping[str, Any]) -> transformers.PretrainedConfig:
    table = {
        key: value for key, value in config.items() if key not in ("auto_map", "quantization_config", "torch_dtype")
    }
    table = {key: value for key, value in table.items() if not key.startswith("_") and key != "dtype"}
    model_type = table.pop("model_type", None)
    if not isinstance(model_type, str) or model_type not in transformers.CONFIG_MAPPING:
        raise FormatError(
            "architecture_unknown", f"transformers knows no model type {model_type!r}.",
            hint="Register the base model with a table of its parameter shapes.", received=str(model_type)[:80],
        )  # fmt: skip
    try:
        built = transformers.AutoConfig.for_model(model_type, **table)
    except Exception as error:
        raise FormatError("architecture_unknown", f"config.json does not build a {model_type}: {error}"[:400]) from None
    if (getattr(built.get_text_config(), "num_hidden_layers", None) or 0) > _MAX_HIDDEN_LAYERS:
        raise FormatError("architecture_unknown", "config.json asks for more layers than any model has.")
    return built


def _architecture_class(config: transformers.PretrainedConfig) -> Any:
    """The class that `architectures` names, when it is one of transformers' own for this config; else AutoModel."""
    for name in config.architectures or ():
        found = getattr(transformers, name, None) if re.fullmatch(r"\w+", str(name)) else None
        is_model = isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)
        if is_model and getattr(found, "config_class", None) is type(config):
            return found
    return transformers.AutoModel


def _task_class(config: transformers.PretrainedConfig, task_type: Any) -> Any:
    name = _TASK_CLASSES.get(str(task_type))
    auto = getattr(transformers, name) if name else None
    if auto is not None and type(config) in auto._model_mapping:  # the mapping is the public fact; its name is private
        return auto
    return _architecture_class(config) if task_type is None else transformers.AutoModel


def _build(config: transformers.PretrainedConfig, model_class: Any, device: str = "meta") -> Any:
    build = model_class.from_config if hasattr(model_class, "from_config") else model_class._from_config
    try:
        with torch.device(device):
            return build(config)
    except Exception as error:
        raise FormatError(
            "architecture_unknown", f"transformers cannot build this {config.model_type}: {error}"[:400],
            hint="Register the base model with a table of its parameter shapes.",
        ) from None  # fmt: skip


def _row(module: torch.nn.Module, seen: set[int]) -> list[ModuleShape]:
    weight = module._parameters.get("weight")
    if weight is None:
        return []
    shape, has_bias = tuple(weight.shape), module._parameters.get("bias") is not None
    if isinstance(module, Conv1D):
        kind = "conv1d"
    elif isinstance(module, torch.nn.Embedding):
        kind = "embedding"
    elif isinstance(module, torch.nn.modules.conv._ConvNd):
        kind = "conv2d"
    elif len(shape) == 1:
        kind = "norm"
    else:
        kind = "linear" if isinstance(module, torch.nn.Linear) else "unknown"
    is_tied = id(weight) in seen
    seen.add(id(weight))
    return [ModuleShape(kind, shape, has_bias, is_tied)]


def _peft_shapes(model: Any, adapter_config: Mapping[str, Any], device: str = "meta") -> dict[str, tuple[int, ...]]:
    """Build the adapter and read the names that `save_pretrained` would use."""
    table = {
        key: value for key, value in adapter_config.items() if key not in ("auto_mapping", "base_model_name_or_path")
    }
    table |= {key: value for key, value in _TRAINING_ONLY.items() if key in table}
    for key in ("token_dim", "num_layers", "num_attention_heads"):  # PEFT takes them from the base, as we want it to
        table.pop(key, None)
    if isinstance(table.get("init_lora_weights"), str):
        table["init_lora_weights"] = True
    known = peft.mapping.PEFT_TYPE_TO_CONFIG_MAPPING[peft.PeftType(table.pop("peft_type"))]
    fields = set(known.__dataclass_fields__)
    built = known(**{key: value for key, value in table.items() if key in fields and key != "peft_version"})
    built.inference_mode = True
    with torch.device(device):
        wrapped = peft.get_peft_model(model, built, low_cpu_mem_usage=device == "meta")
        state = peft.get_peft_model_state_dict(wrapped, save_embedding_layers=False)
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
