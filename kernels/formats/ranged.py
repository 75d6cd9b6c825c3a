"""Some tensors of files that lie elsewhere: only their byte ranges are read, neighbours in one go; without numpy."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .safetensors_header import ITEM_BYTES, Header, TensorInfo, header_of

ReadRange = Callable[[int, int], bytes]
_GAP_BYTES = 64 << 10  # reading over so much costs less than asking twice
_SPAN_BYTES = 8 << 20
_NUMBERS = {"F64": "<d", "F32": "<f", "F16": "<e"}


@dataclass(frozen=True)
class RangedFile:
    """A safetensors file of which only the header is here; `read(start, length)` gives bytes of it."""

    header: Header
    read: ReadRange

    @classmethod
    def open(cls, size_bytes: int, read: ReadRange) -> RangedFile:
        """Read and check the header, in two ranges. FormatError as `read_header`."""
        return cls(header_of(size_bytes, read), read)

    def number(self, name: str) -> float:
        """The first value of a tensor, such as a stored alpha."""
        info = self.header.tensors[name]
        raw = self.read(self.header.data_start + info.start, ITEM_BYTES[info.dtype])
        if info.dtype == "BF16":
            return float(struct.unpack("<f", b"\0\0" + raw)[0])
        if info.dtype in _NUMBERS:
            return float(struct.unpack(_NUMBERS[info.dtype], raw)[0])
        return float(int.from_bytes(raw, "little", signed=info.dtype.startswith("I")))

    def raw(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of tensors, in the order of the file. Memory holds one span of neighbours, 8 MiB or one tensor."""
        wanted = sorted((self.header.tensors[name] for name in set(names)), key=lambda info: info.start)
        for span in _spans(wanted):
            start = span[0].start
            data = self.read(self.header.data_start + start, span[-1].end - start)
            for info in span:
                yield info.name, data[info.start - start : info.end - start]


@dataclass
class Pieces:
    """Tensors of many files that are going to lie in one, under new names, in the order in which they are added."""

    _from: list[tuple[RangedFile, dict[str, str]]] = field(default_factory=list)

    def add(self, file: RangedFile, names: dict[str, str]) -> None:
        """Take tensors of `file`: their name there -> their name here."""
        if names:
            self._from.append((file, names))

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(_bytes_of(file.header.tensors[old]) for file, names in self._from for old in names)

    def write(self, path: Path, *, on_bytes: Callable[[int], None] | None = None) -> None:
        """Read what was added and write it as a safetensors file; memory holds one span at a time."""
        document: dict[str, object] = {}
        position = 0
        for file, names in self._from:
            for info in sorted((file.header.tensors[old] for old in names), key=lambda info: info.start):
                end = position + _bytes_of(info)
                document[names[info.name]] = {
                    "dtype": info.dtype,
                    "shape": list(info.shape),
                    "data_offsets": [position, end],
                }
                position = end
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with path.open("wb") as stream:
            stream.write(struct.pack("<Q", len(text)) + text)
            for file, names in self._from:
                for _, data in file.raw(list(names)):
                    stream.write(data)
                    if on_bytes:
                        on_bytes(len(data))


def _spans(infos: Sequence[TensorInfo]) -> Iterator[list[TensorInfo]]:
    span: list[TensorInfo] = []
    for info in infos:
        if span and (info.start - span[-1].end > _GAP_BYTES or info.end - span[0].start > _SPAN_BYTES):
            yield span
            span = []
        span.append(info)
    if span:
        yield span


def _bytes_of(info: TensorInfo) -> int:
    return info.end - info.start
