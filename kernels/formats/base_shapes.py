"""The shape table of a base model: what an adapter's tensors are checked against, without any weights."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from .errors import FormatError
from .safetensors_header import read_header
from .transformers_names import current_name, has_renames, known_prefixes, prefix_of

FORMAT_VERSION = 1
KINDS = ("linear", "conv1d", "conv2d", "embedding", "norm", "parameter", "unknown")
# Architectures whose projections are transformers' Conv1D, which keeps its weight as (in, out).
CONV1D_MODEL_TYPES = frozenset({"gpt2", "openai-gpt", "imagegpt", "decision_transformer", "gpt-sw3"})
# Names that wrap the body of a model in some classes and checkpoints and are absent in others.
_WRAPPERS = ("model", "transformer", "language_model", "text_model", "base_model", "backbone", "module")
_EMBEDDING_NAMES = re.compile(
    r"(^|\.)(wte|wpe|shared|embed\w*|\w*_embeddings?|\w+_embed|tok_embeddings|relative_attention_bias)$"
)
_OUTPUT_HEADS = ("lm_head", "embed_out", "output_projection")
_TIED_EMBEDDINGS = ("embed_tokens",)  # an encoder's and a decoder's own names for a shared table


@dataclass(frozen=True)
class ModuleShape:
    """One module that holds a weight; `shape` is the weight's as stored.

    linear (out, in); conv1d (in, out), transformers' own Conv1D; conv2d (out, in / groups, *kernel) for any
    convolution; embedding (rows, width); norm (width,).
    """

    kind: str
    shape: tuple[int, ...]
    has_bias: bool = False
    is_tied: bool = False
    """The weight is another module's too, as an output head's often is the embedding's: counted once."""

    @property
    def d_in(self) -> int:
        """Input width as a low-rank update sees it (rows of the table for an embedding)."""
        if len(self.shape) < 2:
            return self.shape[0] if self.shape else 1
        return self.shape[0] if self.kind in ("conv1d", "embedding") else self.shape[1]

    @property
    def d_out(self) -> int:
        """Output width as a low-rank update sees it."""
        if len(self.shape) < 2:
            return self.shape[0] if self.shape else 1
        return self.shape[1] if self.kind in ("conv1d", "embedding") else self.shape[0]


@dataclass(frozen=True)
class BaseShapes:
    """Identity and module shapes of a base model at one revision."""

    id: str
    revision: str = "main"
    model_type: str | None = None
    architectures: tuple[str, ...] = ()
    prefix: str | None = None
    hidden_size: int | None = None
    num_layers: int | None = None
    modules: dict[str, ModuleShape] = field(default_factory=dict)

    # -- reading and writing -------------------------------------------------------------------------------

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> BaseShapes:
        """The reverse of `as_dict`; FormatError `shapes_malformed` for anything else."""
        try:
            if table["format_version"] != FORMAT_VERSION:
                raise FormatError(
                    "shapes_malformed", f"Shape table version {table['format_version']!r} is not known.",
                    expected=FORMAT_VERSION, received=table["format_version"],
                )  # fmt: skip
            modules = {
                path: ModuleShape(
                    row["kind"], _check_shape(path, row["shape"]), bool(row["has_bias"]), bool(row.get("is_tied"))
                )
                for path, row in table["modules"].items()
            }
            return cls(
                str(table["id"]), str(table["revision"]), table["model_type"], tuple(table["architectures"]),
                table["prefix"], table["hidden_size"], table["num_layers"], modules,
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise FormatError("shapes_malformed", f"The shape table is incomplete: {error!r}.") from None

    def as_dict(self) -> dict[str, Any]:
        """JSON-serialisable, versioned form, modules in name order."""
        return {
            "format_version": FORMAT_VERSION,
            "id": self.id,
            "revision": self.revision,
            "model_type": self.model_type,
            "architectures": list(self.architectures),
            "prefix": self.prefix,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "modules": {
                path: {"kind": row.kind, "shape": list(row.shape), "has_bias": row.has_bias}
                | ({"is_tied": True} if row.is_tied else {})
                for path, row in sorted(self.modules.items())
            },
        }

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON of everything but id and revision: equal shapes, equal digest."""
        table = {key: value for key, value in self.as_dict().items() if key not in ("id", "revision")}
        text = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def parameters(self) -> int:
        """Number of weight elements in the table: biases of linear modules are not counted, tied weights once."""
        return sum(prod(row.shape) for row in self.modules.values() if not row.is_tied)

    @classmethod
    def from_parameter_shapes(
        cls,
        shapes: Mapping[str, Any],
        *,
        config: Mapping[str, Any] | None = None,
        id: str = "",
        revision: str = "main",
    ) -> BaseShapes:
        """Build from `{"parameter.name": [..]}` or `{"components": {"unet": {...}, ...}}`.

        Kinds are inferred from names and dimensions, so they are less certain than those of the meta device.
        Raises FormatError `shapes_malformed`.
        """
        from .base_inference import modules_from_parameters

        config = dict(config or {})
        model_type = config.get("model_type")
        modules = modules_from_parameters(_flatten(shapes), model_type)
        hidden_size, num_layers = sizes_from_config(config)
        return cls(
            id, revision, model_type, tuple(config.get("architectures") or ()), prefix_of(model_type),
            hidden_size, num_layers, modules,
        )  # fmt: skip

    @classmethod
    def from_safetensors_folder(
        cls,
        folder: str | Path,
        *,
        id: str = "",
        revision: str = "main",
    ) -> BaseShapes:
        """Build from a model folder: config.json and the headers of its safetensors files, no weights read.

        Raises FormatError `base_not_found` when there is neither, and header errors as they are.
        """
        folder = Path(folder)
        config_path = folder / "config.json"
        config = json.loads(config_path.read_text("utf-8")) if config_path.is_file() else {}
        shards = _weight_files(folder)
        if not shards:
            raise FormatError(
                "base_not_found", f"No safetensors weights in {folder.name!r}.", hint="Give a shape table."
            )
        shapes: dict[str, tuple[int, ...]] = {}
        for shard in shards:
            shapes.update(read_header(shard).shapes)
        return cls.from_parameter_shapes(shapes, config=config, id=id or folder.name, revision=revision)

    # -- lookup --------------------------------------------------------------------------------------------

    def find(self, path: str) -> tuple[str, ModuleShape] | None:
        """The module that an adapter file calls `path`.

        Tolerates a head model's prefix on either side, and names that transformers changed since.
        """
        for candidate in self._candidates(path):
            if candidate in self.modules:
                return candidate, self.modules[candidate]
        if has_renames(self.model_type):
            for candidate in self._candidates(current_name(path, self.model_type)):
                if candidate in self._by_current_name:
                    found = self._by_current_name[candidate]
                    return found, self.modules[found]
        last, tied = path.rsplit(".", 1)[-1], self.input_embedding
        if tied is not None and last in (*_OUTPUT_HEADS, *_TIED_EMBEDDINGS):
            # Tied to the input embeddings, so absent from weights and from headless classes.
            return path, ModuleShape("linear" if last in _OUTPUT_HEADS else "embedding", tied[1].shape)
        return None

    def has_below(self, path: str) -> bool:
        """Whether `path`, tolerated as in `find`, is a container of modules."""
        starts = tuple(f"{name}." for name in self._candidates(current_name(path, self.model_type)))
        return any(name.startswith(starts) for name in self._by_current_name)

    def below(self, path: str) -> dict[str, ModuleShape]:
        """The modules in the container `path`, tolerated as in `find`: what follows its name -> shape."""
        starts = [f"{name}." for name in self._candidates(current_name(path, self.model_type))]
        return {
            name[len(start) - 1 :]: self.modules[known]
            for name, known in self._by_current_name.items()
            for start in starts
            if name.startswith(start)
        }

    @property
    def input_embedding(self) -> tuple[str, ModuleShape] | None:
        """The token embedding: the largest table of width hidden size."""
        tables = [(path, row) for path, row in self.modules.items() if row.kind == "embedding" and len(row.shape) == 2]
        return max(tables, key=lambda item: item[1].shape[0], default=None)

    def _candidates(self, path: str) -> list[str]:
        """`path` itself, then without what may wrap the body, then with what wraps it in this table."""
        bodies = [path]
        while len(bodies) < 3:
            head, _, rest = bodies[-1].partition(".")
            if head not in self._wrappers or not rest:
                break
            bodies.append(rest)
        return list(dict.fromkeys([*bodies, *(root + body for root in self._roots for body in bodies)]))

    @cached_property
    def _wrappers(self) -> frozenset[str]:
        """Names that may stand before a body: the architecture's own, or any architecture's when it is not known."""
        own = known_prefixes() if self.model_type is None else frozenset(name for name in (self.prefix,) if name)
        return frozenset(_WRAPPERS) | own

    @cached_property
    def _roots(self) -> tuple[str, ...]:
        """`a.` and `a.b.` for every wrapper that modules of this table begin with."""
        roots: dict[str, None] = {}
        for path in self.modules:
            root = ""
            for part in path.split(".")[:-1][:2]:
                if part not in self._wrappers:
                    break
                root += f"{part}."
                roots[root] = None
        return tuple(roots)

    @cached_property
    def _by_current_name(self) -> dict[str, str]:
        """Current name of every module -> its name in this table; names that two modules share are left out."""
        names: dict[str, list[str]] = {}
        for path in self.modules:
            names.setdefault(current_name(path, self.model_type), []).append(path)
        return {name: paths[0] for name, paths in names.items() if len(paths) == 1}


def _weight_files(folder: Path) -> list[Path]:
    """The model's own files: one, or the shards that its index names, or whatever is there."""
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if index.is_file():
        names = sorted(set(json.loads(index.read_text("utf-8")).get("weight_map", {}).values()))
        return [folder / Path(name).name for name in names]
    return sorted(folder.glob("*.safetensors"))


def sizes_from_config(config: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """(hidden size, layer count) under whichever names the architecture uses; None where not stated."""
    tables: list[Mapping[str, Any]] = [config]
    tables += [value for key, value in config.items() if key in ("text_config", "vision_config") and value]

    def first(names: Sequence[str]) -> int | None:
        for table in tables:
            for name in names:
                if isinstance(table.get(name), int):
                    return int(table[name])
        return None

    return (
        first(("hidden_size", "n_embd", "d_model", "dim", "hidden_dim")),
        first(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers")),
    )


def _flatten(shapes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    components = shapes.get("components")
    if isinstance(components, Mapping):
        return {
            f"{component}.{name}": _check_shape(name, shape)
            for component, table in components.items()
            for name, shape in table.items()
        }
    return {name: _check_shape(name, shape) for name, shape in shapes.items()}


def _check_shape(name: str, shape: Any) -> tuple[int, ...]:
    is_shape = isinstance(shape, list | tuple) and all(type(size) is int and 0 <= size < 2**48 for size in shape)
    if not is_shape or len(shape) > 8:
        raise FormatError(
            "shapes_malformed", f"The shape of {name!r} must be a list of sizes.", tensor=str(name)[:200],
            expected="[d0, d1, ...]", received=str(shape)[:80],
        )  # fmt: skip
    return tuple(shape)


def embedding_name(path: str) -> bool:
    """Whether a module path reads like a table of embeddings."""
    return _EMBEDDING_NAMES.search(path) is not None
