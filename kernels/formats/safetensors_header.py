"""A strict reader of safetensors headers: publishes only files that every parser reads the same way.

It runs before any library touches the file and reads nothing but the header. Tensor data is in tensor_data.py.
"""

from __future__ import annotations

import json
import os
import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from .errors import FormatError

ITEM_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
}  # fmt: skip
FLOAT_DTYPES = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
_PLAIN_NAME = re.compile(r"[\w.:<>/@+\-]+")
_REMAKE = "Save the adapter again with safetensors.torch.save_file."


@dataclass(frozen=True)
class Limits:
    """Bounds that hold before anything is parsed or allocated."""

    max_header_bytes: int = 8 * 1024 * 1024
    max_tensors: int = 20_000
    max_name_chars: int = 512
    max_dimensions: int = 8
    max_metadata_entries: int = 20_000
    max_metadata_chars: int = 4 * 1024 * 1024


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies: `start` and `end` count bytes from the start of the data region."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Header:
    """A checked header: tensors by name in file order, and the free metadata strings."""

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str] = field(default_factory=dict)
    data_start: int = 8
    size_bytes: int = 8

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Tensor name to shape."""
        return {name: info.shape for name, info in self.tensors.items()}


def read_header(path: str | os.PathLike[str], *, limits: Limits = Limits()) -> Header:
    """Read and check the header of the safetensors file at `path`.

    Raises FormatError with a code of its own for every way a header can lie: length, JSON, duplicate or unknown
    keys, names, dtypes, shapes, and a data region that is not covered exactly once.
    """
    path = Path(path)
    with path.open("rb") as stream:

        def read(start: int, length: int) -> bytes:
            stream.seek(start)
            return stream.read(length)

        return header_of(path.stat().st_size, read, limits=limits)


def header_of(size_bytes: int, read: Callable[[int, int], bytes], *, limits: Limits = Limits()) -> Header:
    """The checked header of a file that may lie elsewhere; `read(start, length)` gives its bytes. Raises the same."""
    header_bytes = _header_length(read(0, 8), size_bytes, limits)
    raw = read(8, header_bytes)
    document = _parse_json(raw)
    metadata = _check_metadata(document.pop("__metadata__", None), limits)
    if len(document) > limits.max_tensors:
        raise FormatError(
            "too_many_tensors", f"The header lists {len(document)} tensors, more than {limits.max_tensors}.",
            expected=limits.max_tensors, received=len(document),
        )  # fmt: skip
    if not document:
        raise FormatError("no_tensors", "The weights file holds no tensors.", hint=_REMAKE)
    tensors = {name: _tensor_info(name, entry, limits) for name, entry in document.items()}
    data_start = 8 + header_bytes
    _check_exact_cover(tensors, size_bytes - data_start)
    return Header(tensors, metadata, data_start, size_bytes)


def _header_length(prefix: bytes, size_bytes: int, limits: Limits) -> int:
    if len(prefix) < 8:
        raise FormatError("file_truncated", f"The weights file has {size_bytes} bytes; a header needs more than 8.")
    (length,) = struct.unpack("<Q", prefix)
    if length > limits.max_header_bytes:
        raise FormatError(
            "header_too_large",
            f"The header claims {length} bytes; at most {limits.max_header_bytes} are read.",
            hint="Is this a safetensors file?", expected=limits.max_header_bytes, received=length,
        )  # fmt: skip
    if length > size_bytes - 8:
        raise FormatError(
            "file_truncated", f"The header claims {length} bytes but {size_bytes - 8} follow.",
            hint="Upload the file again.", expected=length, received=size_bytes - 8,
        )  # fmt: skip
    return int(length)


def _parse_json(raw: bytes) -> dict[str, Any]:
    if not raw.startswith(b"{"):
        raise FormatError("header_malformed", "The header does not begin with '{'.", hint=_REMAKE)
    body = raw.rstrip(b" ")
    if not body.endswith(b"}"):
        raise FormatError(
            "header_malformed", "The header does not end with '}' and spaces.", hint=_REMAKE, received=repr(body[-8:])
        )
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError(
            "header_malformed", f"The header is not JSON: {type(error).__name__}.", hint=_REMAKE
        ) from None
    assert isinstance(document, dict)  # it begins with a brace
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise FormatError(
            "header_duplicate_key", f"The header has the key {twice!r} twice, so parsers disagree about it.",
            hint=_REMAKE, tensor=twice,
        )  # fmt: skip
    return table


def _no_constant(text: str) -> None:
    raise ValueError(text)


def _check_metadata(metadata: Any, limits: Limits) -> dict[str, str]:
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise FormatError("metadata_malformed", "`__metadata__` must map strings to strings.", hint=_REMAKE)
    chars = sum(len(key) + len(value) for key, value in metadata.items())
    if len(metadata) > limits.max_metadata_entries or chars > limits.max_metadata_chars:
        raise FormatError(
            "metadata_too_large", f"`__metadata__` has {len(metadata)} entries with {chars} characters.",
            expected=limits.max_metadata_chars, received=chars,
        )  # fmt: skip
    return metadata


def check_name(name: str, limits: Limits) -> None:
    """Refuse a tensor name that is empty, too long, path-like, or holds anything but plain characters."""
    is_plain = (
        0 < len(name) <= limits.max_name_chars
        and _PLAIN_NAME.fullmatch(name) is not None
        and unicodedata.normalize("NFC", name) == name
        and not name.startswith("/")
        and ".." not in name.split("/")
    )
    if not is_plain:
        raise FormatError(
            "tensor_name_invalid", f"The tensor name {name[:80]!a} is not plain.",
            hint="Letters, digits and . _ - : / @ + < > only, at most 512 characters.", tensor=ascii(name[:80])[1:-1],
        )  # fmt: skip


def _tensor_info(name: str, entry: Any, limits: Limits) -> TensorInfo:
    check_name(name, limits)
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        received = sorted(entry) if isinstance(entry, dict) else type(entry).__name__
        raise FormatError(
            "tensor_entry_malformed", f"The header entry of {name!r} must have dtype, shape and data_offsets only.",
            hint=_REMAKE, tensor=name, expected=["data_offsets", "dtype", "shape"], received=received,
        )  # fmt: skip
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise FormatError(
            "dtype_unsupported", f"{name!r} has the dtype {dtype!r}.", hint="Save the weights as F32, F16 or BF16.",
            tensor=name, expected=sorted(ITEM_BYTES), received=str(dtype)[:40],
        )  # fmt: skip
    if not _are_counts(shape, limits.max_dimensions) or not _are_counts(offsets, 2) or len(offsets) != 2:
        raise FormatError("tensor_entry_malformed", f"{name!r} has a malformed shape or offsets.", tensor=name)
    info = TensorInfo(name, dtype, tuple(shape), offsets[0], offsets[1])
    if info.size == 0:
        raise FormatError("tensor_empty", f"{name!r} has no elements.", tensor=name, received=shape)
    if info.end - info.start != info.size * ITEM_BYTES[dtype]:
        raise FormatError(
            "tensor_size_mismatch", f"{name!r}: shape {shape} of {dtype} does not fill its byte range.", hint=_REMAKE,
            tensor=name, expected=info.size * ITEM_BYTES[dtype], received=info.end - info.start,
        )  # fmt: skip
    return info


def _are_counts(values: Any, max_length: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= max_length
        and all(type(value) is int and 0 <= value < 2**48 for value in values)
    )


def _check_exact_cover(tensors: dict[str, TensorInfo], data_bytes: int) -> None:
    position = 0
    for info in sorted(tensors.values(), key=lambda info: info.start):
        if info.start != position:
            what = "overlaps another tensor" if info.start < position else "leaves a hole before it"
            raise FormatError(
                "data_not_covered", f"{info.name!r} {what} in the data region.", hint=_REMAKE,
                tensor=info.name, expected=position, received=info.start,
            )  # fmt: skip
        position = info.end
    if position > data_bytes:
        raise FormatError(
            "file_truncated", f"The tensors need {position} bytes but the file holds {data_bytes}.",
            hint="Upload the file again.", expected=position, received=data_bytes,
        )  # fmt: skip
    if position < data_bytes:
        raise FormatError(
            "data_trailing", f"{data_bytes - position} bytes follow the last tensor.", hint=_REMAKE,
            expected=position, received=data_bytes,
        )  # fmt: skip
