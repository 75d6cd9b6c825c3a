"""What an adapter's folder says of itself before it is put onto a model: task type, head, labels, tokenizer."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kernels.formats.errors import FormatError
from kernels.formats.safetensors_header import read_header
from kernels.stitch.errors import CannotStitch
from kernels.stitch.loading import CONFIG_NAME, WEIGHTS_NAME
from kernels.stitch.model_class import choose_model_class, label_count
from workers.evaluation.asked import Subject
from workers.evaluation.errors import Refused
from workers.evaluation.labels import names_in
from workers.evaluation.subjects import laid_out


@dataclass(frozen=True)
class AdapterFolder:
    """One adapter: its folder, its config, and the shapes of its tensors by name."""

    folder: Path
    config: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    companion: Path | None = None
    """The folder of a second adapter that acts beside it."""

    @classmethod
    def read(cls, folder: Path, companion: Path | None = None) -> "AdapterFolder":
        """Read config and header. Raises Refused ``not_peft``."""
        config = read_object(folder / CONFIG_NAME)
        if config is None:
            raise Refused("not_peft", f"{CONFIG_NAME} is no JSON object", "Only PEFT adapters can be measured.")
        try:
            shapes = read_header(folder / WEIGHTS_NAME).shapes
        except (OSError, FormatError) as error:
            raise Refused("not_peft", f"there is no readable {WEIGHTS_NAME}: {error}") from error
        return cls(folder, config, shapes, companion)

    @property
    def head_rows(self) -> int | None:
        """Rows of the head in the file; None without one."""
        return label_count(self.shapes)

    @property
    def virtual_tokens(self) -> int:
        """Tokens that a prompt puts before each row; a prefix puts none."""
        wanted = self.config.get("num_virtual_tokens") if self.config.get("peft_type") != "PREFIX_TUNING" else 0
        return int(wanted or 0)

    @property
    def class_name(self) -> str:
        """The transformers class that it was made on. Raises CannotStitch ``unknown_task_type``."""
        return choose_model_class(self.config, self.shapes)[0].__name__

    @property
    def tokenizer_folder(self) -> Path | None:
        """Its own folder, where it brings a tokenizer."""
        names = ("tokenizer.json", "tokenizer_config.json")
        return self.folder if all((self.folder / name).is_file() for name in names) else None

    def label_names(self) -> tuple[str, ...] | None:
        """The names of its head's rows, in their order, from the configs beside it; None where none says."""
        for name in ("config.json", "head_config.json", CONFIG_NAME):
            found = names_in(read_object(self.folder / name) or {})
            if found is not None:
                return found
        return None


@contextmanager
def adapter_of(subject: Subject, scratch: Path | None) -> Iterator[AdapterFolder]:
    """The subject's files laid out and read, with its companion's. Raises Refused ``not_peft``."""
    with ExitStack() as stack:
        folder, companion = (
            stack.enter_context(laid_out(files, scratch)) if files is not None else None
            for files in (subject.files or {}, subject.companion)
        )
        assert folder is not None
        yield AdapterFolder.read(folder, companion)


def kind_of(subject: Subject) -> tuple[str, int]:
    """The class that a subject's adapter was made on and the rows of its head; broken ones first, the base last."""
    if subject.files is None:
        return "~", 0
    named = {PurePosixPath(name).name: place for name, place in subject.files.items()}
    config = read_object(named[CONFIG_NAME]) if CONFIG_NAME in named else None
    try:
        shapes = read_header(named[WEIGHTS_NAME]).shapes
        return choose_model_class(config or {}, shapes)[0].__name__, label_count(shapes) or 0
    except (KeyError, OSError, FormatError, CannotStitch):
        return "", 0


def read_object(path: Path) -> dict[str, Any] | None:
    """A JSON object of at most a mebibyte; None where there is none."""
    try:
        if path.stat().st_size > 1 << 20:
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
