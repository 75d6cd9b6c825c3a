"""Reading tensor values after the header is checked: whole, or in bounded chunks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .safetensors_header import ITEM_BYTES, Header

Array = NDArray[Any]

_NUMPY = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "|b1",
}  # fmt: skip
_CHUNK_BYTES = 8 * 1024 * 1024


def read_tensor(path: str | os.PathLike[str], header: Header, name: str) -> Array:
    """One tensor as an array of its own shape, memory-mapped read-only where numpy knows the dtype.

    BF16 and 8-bit floats are widened to float32, which holds them exactly. KeyError for an unknown name.
    """
    info = header.tensors[name]
    raw = np.memmap(
        path, dtype=np.uint8, mode="r", offset=header.data_start + info.start, shape=(info.end - info.start,)
    )
    return _decode(raw, info.dtype).reshape(info.shape)


def iter_chunks(path: str | os.PathLike[str], header: Header, name: str) -> Iterator[Array]:
    """The tensor's elements as flat arrays of at most 8 MiB of file each, so that memory stays bounded."""
    info = header.tensors[name]
    step = _CHUNK_BYTES - _CHUNK_BYTES % ITEM_BYTES[info.dtype]
    with open(path, "rb") as stream:
        stream.seek(header.data_start + info.start)
        left = info.end - info.start
        while left > 0:
            raw = stream.read(min(step, left))
            if not raw:
                return
            left -= len(raw)
            yield _decode(np.frombuffer(raw, dtype=np.uint8), info.dtype)


def _decode(raw: NDArray[np.uint8], dtype: str) -> Array:
    if dtype == "BF16":
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype in ("F8_E4M3", "F8_E5M2"):
        return _float8_table(dtype)[raw]
    return raw.view(_NUMPY[dtype])


@cache
def _float8_table(dtype: str) -> NDArray[np.float32]:
    """The 256 values of an 8-bit float (OCP 8-bit floating point specification; E4M3 has no infinities)."""
    mantissa_bits = 3 if dtype == "F8_E4M3" else 2
    bias = 7 if dtype == "F8_E4M3" else 15
    codes = np.arange(256)
    sign = np.where(codes & 0x80, -1.0, 1.0)
    exponent = (codes & 0x7F) >> mantissa_bits
    fraction = (codes & ((1 << mantissa_bits) - 1)) / (1 << mantissa_bits)
    values = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias))
    if dtype == "F8_E4M3":
        values[(codes & 0x7F) == 0x7F] = np.nan
    else:
        values[exponent == 31] = np.where(fraction[exponent == 31] == 0, np.inf, np.nan)
    return (sign * values).astype(np.float32)
