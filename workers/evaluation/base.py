"""The base model of a job: loaded once for all its subjects, from local files alone."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from kernels.formats.errors import FormatError
from kernels.formats.safetensors_header import read_header
from kernels.stitch.model_class import label_count
from workers.evaluation.asked import LONGEST_TOKENS
from workers.evaluation.errors import Refused

_LONGEST_OF_ALL = 1 << 20


@dataclass(frozen=True)
class LoadedBase:
    """A base model in eval mode, and whether its own files held all of its head."""

    model: Any
    has_head: bool
    seconds: float


class Base:
    """A folder with a base model's weights and tokenizer, and the one model loaded from it last."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.loads = 0
        self.milliseconds: dict[Any, float] = {}
        self._key: tuple[str, int | None] | None = None
        self._loaded: LoadedBase | None = None
        if not (folder / "config.json").is_file():
            raise Refused("base_weights_missing", "the base model's folder holds no config.json")

    def load(self, class_name: str, labels: int | None = None) -> LoadedBase:
        """The base as one of transformers' auto classes, with ``labels`` rows in its head.

        The same class and labels again are the same object. Raises Refused ``base_weights_missing``.
        """
        key = (class_name, labels)
        if self._loaded is None or self._key != key:
            # Two at once may be more than the memory holds.
            self._key, self._loaded = None, None
            self._loaded, self._key = self._load(class_name, labels), key
        return self._loaded

    def load_writer(self, class_name: str) -> Any:
        """The base as a model that writes text. Raises Refused ``no_head`` where its files hold no language head."""
        loaded = self.load(class_name)
        if not loaded.has_head:
            raise Refused("no_head", "the base model's files hold no language head, so that it writes no text")
        return loaded.model

    @property
    def dtype(self) -> str:
        """Of the weights that were loaded last; empty before."""
        return str(self._loaded.model.dtype).removeprefix("torch.") if self._loaded else ""

    def forget(self) -> None:
        """Load anew next time: an adapter changed what was loaded."""
        self._key, self._loaded = None, None

    def _load(self, class_name: str, labels: int | None) -> LoadedBase:
        from time import perf_counter

        import transformers

        self.loads += 1
        start = perf_counter()
        # A head that the files do not hold is drawn; the same for every job.
        torch.manual_seed(0)
        arguments: dict[str, Any] = {} if labels is None else {"num_labels": labels}
        try:
            model, told = getattr(transformers, class_name).from_pretrained(
                str(self.folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=labels is not None,
                **arguments,
            )
        except (OSError, ValueError) as error:
            raise Refused("base_weights_missing", f"the base model cannot be loaded: {error}"[:1000]) from error
        model = model.to(self.device).eval().requires_grad_(False)
        if model.config.pad_token_id is None:
            model.config.pad_token_id = self._padding
        lacking = [*told["missing_keys"], *(entry[0] for entry in told.get("mismatched_keys") or ())]
        inside = f"{model.base_model_prefix}."
        return LoadedBase(model, not [name for name in lacking if not name.startswith(inside)], perf_counter() - start)

    @cached_property
    def head_rows(self) -> int | None:
        """Rows of the classification head in the base's own files, without loading them; None where they have none."""
        shapes: dict[str, tuple[int, ...]] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                shapes |= {f".{name}": shape for name, shape in read_header(path).shapes.items()}
            except (OSError, FormatError):
                continue
        return label_count(shapes)

    @property
    def _padding(self) -> int | None:
        """None without a tokenizer: an adapter may bring its own."""
        try:
            return getattr(self.tokenizer, "pad_token_id", None)
        except Refused:
            return None

    @cached_property
    def tokenizer(self) -> Any:
        """The base's tokenizer. Raises Refused ``no_tokenizer``."""
        return load_tokenizer(self.folder)

    @cached_property
    def weights_digest(self) -> str:
        """SHA-256 over the weights' files, which names what was measured whatever the folder is called."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.glob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in ``folder``; it can pad. Raises Refused ``no_tokenizer``."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            "no_tokenizer", f"there is no tokenizer beside the base model's weights: {error}"[:1000],
            "Put tokenizer.json and tokenizer_config.json into the base model's folder.",
        ) from error  # fmt: skip
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def longest_tokens(tokenizer: Any, config: Any, asked: int | None, virtual: int = 0) -> int:
    """How many tokens of a row are read: what was asked, at most 512 and what model and tokenizer can."""
    limits = [LONGEST_TOKENS]
    if (own := getattr(tokenizer, "model_max_length", 0) or 0) and own < _LONGEST_OF_ALL:
        limits.append(int(own))
    if positions := getattr(config, "max_position_embeddings", None):
        # RoBERTa's positions begin after its padding index.
        offset = (config.pad_token_id or 0) + 1 if config.model_type in ("roberta", "xlm-roberta", "camembert") else 0
        limits.append(int(positions) - offset)
    longest = min(limits) - virtual
    return min(longest, asked) if asked else longest
