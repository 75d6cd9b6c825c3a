"""Adapters put onto one loaded base model and taken off again, which leaves it bit for bit as it was."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import torch

from kernels.stitch.errors import CannotStitch
from kernels.stitch.loading import load_adapter
from workers.evaluation.errors import Refused

CONFIG_NAME = "adapter_config.json"


class BaseChanged(RuntimeError):
    """An adapter wrote into a tensor of the base model, which must be loaded again."""


@contextmanager
def laid_out(files: Mapping[str, Path], scratch: Path | None) -> Iterator[Path]:
    """A folder in which every file lies under its path in the adapter; links, so that nothing is copied.

    Yields the folder that holds the adapter's config. Raises Refused ``not_peft`` where there is none.
    """
    with TemporaryDirectory(dir=scratch, prefix="adapter-") as made:
        root = Path(made)
        for name, place in files.items():
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts:
                raise Refused("path_invalid", f"{name!r} leads out of the adapter's folder")
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(place)
        found = sorted(root.rglob(CONFIG_NAME), key=lambda config: (len(config.parts), config))
        if not found:
            raise Refused("not_peft", f"the adapter has no {CONFIG_NAME}", "Only PEFT adapters can be measured.")
        yield found[0].parent


@contextmanager
def wearing(model: Any, folder: Path, companion: Path | None = None) -> Iterator[Any]:
    """``model`` with the adapter in ``folder``, as a PeftModel in eval mode; afterwards without it.

    A ``companion`` is the folder of a second adapter, whose updates are added to those of the first.

    Nothing is reloaded: modules that PEFT put in are taken out, and the base's own tensors were never written.

    Raises:
        CannotStitch: the adapter does not fit this model.
        BaseChanged: the adapter did write into a tensor of the base.
    """
    before = _Before(model)
    try:
        worn = load_adapter(model, folder)
        if companion is not None:
            from kernels.stitch.companions import join_companion

            join_companion(worn, companion)
        yield worn
    finally:
        before.restore()


class _Before:
    """A model's modules, tensors and settings before an adapter; holds references, and copies no tensor."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._modules = [(module, type(module), _copied(module.__dict__)) for module in model.modules()]
        self._config = copy.deepcopy(model.config.__dict__)
        tensors = [*model.parameters(), *model.buffers()]
        self._tensors = [(tensor, tensor.data_ptr(), tensor._version) for tensor in tensors]

    def restore(self) -> None:
        """Put everything back. Raises BaseChanged when a tensor was written or moved."""
        for module, own_class, attributes in self._modules:
            module.__class__ = own_class
            module.__dict__.clear()
            module.__dict__.update(_copied(attributes))
        self._model.config.__dict__.clear()
        self._model.config.__dict__.update(self._config)
        for tensor, place, version in self._tensors:
            if tensor.data_ptr() != place or tensor._version != version:
                raise BaseChanged("an adapter wrote into the base model")


def _copied(attributes: dict[str, Any]) -> dict[str, Any]:
    """A module's attributes, with its tables of modules, tensors and hooks copied and all else shared."""
    return {name: copy.copy(value) if isinstance(value, dict | set) else value for name, value in attributes.items()}


@contextmanager
def tensors_kept(tensors: Iterable[torch.Tensor]) -> Iterator[None]:
    """Let a block write into ``tensors``: it writes into copies, and the originals come back after it."""
    originals = [(tensor, tensor.data) for tensor in tensors]
    try:
        for tensor, data in originals:
            tensor.data = data.clone()
        yield
    finally:
        for tensor, data in originals:
            tensor.data = data


def reason_of(error: CannotStitch) -> Refused:
    """The same as a refusal."""
    return Refused(error.code, str(error), error.hint)


def bits_of(model: torch.nn.Module) -> dict[str, bytes]:
    """Every tensor of a model as bytes, by name: what `as before` means."""
    return {
        name: tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        for name, tensor in model.state_dict().items()
    }
