"""Stitch: resolve, pull, and attach the adapter to a transformers model, from local files alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .compressed import Puller, plan_compressed
from .errors import RefusedError, StitchError, UsageError
from .own_kernels import load_kernels

if TYPE_CHECKING:
    from .client import Hub


def stitch(
    hub: Hub,
    base_model: Any,
    name: str,
    *,
    base: str | None = None,
    dtype: Any = None,
    is_compressed: bool = False,
    family: str | None = None,
) -> Any:
    """A PeftModel in eval mode: `base_model` with the adapter `ns/name[@version]` attached.

    `base_model` is the model's local folder, an id that the local Hugging Face cache holds, or a loaded transformers
    model (which is changed in place, as PEFT does). `base` makes the hub confirm the fit to that base model id first.
    `is_compressed` fetches the basis of its family, once, and coefficients alone, and expands them in passing.
    Raises BaseMismatchError when it does not fit, StitchError when a tensor did not land, and ConflictError
    `not_compressed` where no basis gives the adapter.
    """
    loading = load_kernels("stitch.loading", extra="stitch")
    if not is_compressed:
        return _attached(loading, base_model, hub.pull_with_plan(name, base=base).folder, dtype)
    if base:
        hub.resolve(name, base)
    plan = plan_compressed(hub, name, family=family)
    with Puller(hub, plan).expanded(plan.members[0]) as folder:
        return _attached(loading, base_model, folder, dtype)


def _attached(loading: Any, base_model: Any, folder: Path, dtype: Any) -> Any:
    model = local_base(str(base_model)) if isinstance(base_model, str | Path) else base_model
    try:
        return loading.load_adapter(model, folder, dtype=dtype)
    except loading.StitchIncomplete as error:
        raise StitchError(str(error), code=error.code, tensor=error.tensor) from error
    except loading.CannotStitch as error:
        raise RefusedError(str(error), code=error.code, hint=error.hint or None) from error


def local_base(base_model: str) -> Path:
    """The local folder of a base model: a path, or an id in the local Hugging Face cache. Never the network.

    Raises UsageError `base_not_local`.
    """
    place = Path(base_model)
    if place.is_dir():
        return place
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    base_id, _, revision = base_model.partition("@")
    try:
        return Path(snapshot_download(base_id, revision=revision or None, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        raise UsageError(
            f"The base model {base_model!r} is neither a folder nor in the local cache.",
            code="base_not_local",
            field="base_model",
            hint="Download it first and give its folder, or pass a loaded model.",
        ) from None
