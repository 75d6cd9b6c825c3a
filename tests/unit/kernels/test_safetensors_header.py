"""The strict header check: each way a file can lie has its verdict, before any library sees it."""

from __future__ import annotations

import json
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from kernels.formats.errors import FormatError
from kernels.formats.safetensors_header import Limits, read_header
from kernels.formats.tensor_data import iter_chunks, read_tensor

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file from a header (object or text), data bytes, and optionally another header length."""

    def build(header: Any, data: bytes = b"", *, length: int | None = None) -> Path:
        raw = header if isinstance(header, bytes) else json.dumps(header).encode()
        path = tmp_path / "file.safetensors"
        path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
        return path

    return build


def entry(shape: list[Any], start: int, end: int, dtype: str = "F32", **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end], **more}


def named(name: str) -> dict[str, Any]:
    return {name: entry([1], 0, 4)}


REFUSED: dict[str, tuple[Any, bytes, str]] = {
    "overlap": ({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12), "data_not_covered"),
    "shared offsets": ({"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, bytes(8), "data_not_covered"),
    "hole": ({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, bytes(12), "data_not_covered"),
    "first tensor not at zero": ({"a": entry([1], 4, 8)}, bytes(8), "data_not_covered"),
    "out of range": ({"a": entry([4], 0, 16)}, bytes(8), "file_truncated"),
    "trailing bytes": ({"a": entry([1], 0, 4)}, bytes(8), "data_trailing"),
    "shape overflow": ({"a": entry([2**40, 2**40], 0, 4)}, bytes(4), "tensor_size_mismatch"),
    "shape beyond any file": ({"a": entry([2**63], 0, 4)}, bytes(4), "tensor_entry_malformed"),
    "dtype and size differ": ({"a": entry([2], 0, 4)}, bytes(4), "tensor_size_mismatch"),
    "negative size": ({"a": entry([-1], 0, 4)}, bytes(4), "tensor_entry_malformed"),
    "negative offset": ({"a": entry([1], -4, 0)}, bytes(4), "tensor_entry_malformed"),
    "reversed offsets": ({"a": entry([1], 4, 0)}, bytes(4), "tensor_size_mismatch"),
    "a size that is true": ({"a": entry([True], 0, 4)}, bytes(4), "tensor_entry_malformed"),
    "a size with a fraction": ({"a": entry([1.0], 0, 4)}, bytes(4), "tensor_entry_malformed"),
    "nine dimensions": ({"a": entry([1] * 9, 0, 4)}, bytes(4), "tensor_entry_malformed"),
    "three offsets": (
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]}},
        bytes(4),
        "tensor_entry_malformed",
    ),
    "metadata that is no string": ({"__metadata__": {"a": 1}, **named("a")}, bytes(4), "metadata_malformed"),
    "metadata that is a list": ({"__metadata__": ["a"], **named("a")}, bytes(4), "metadata_malformed"),
    "deep JSON": (b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}", b"", "header_malformed"),
    "NaN in the header": (b'{"a":NaN}', b"", "header_malformed"),
    "not UTF-8": (b'{"\xff":1}', b"", "header_malformed"),
    "no object": (b"[1, 2]", b"", "header_malformed"),
    "text before the object": (b' {"a":1}', b"", "header_malformed"),
    "duplicate key": (
        b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
        "header_duplicate_key",
    ),
    "duplicate key inside": (
        b'{"w":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
        "header_duplicate_key",
    ),
    "unknown key": ({"a": entry([1], 0, 4, note="x")}, bytes(4), "tensor_entry_malformed"),
    "missing key": ({"a": {"dtype": "F32", "shape": [1]}}, bytes(4), "tensor_entry_malformed"),
    "zero-size tensors sharing an offset": (
        {"a": entry([1], 0, 4), "b": entry([0], 4, 4), "c": entry([0], 4, 4)},
        bytes(4),
        "tensor_empty",
    ),
    "path-like name": (named("../../etc/passwd"), bytes(4), "tensor_name_invalid"),
    "absolute name": (named("/etc/passwd"), bytes(4), "tensor_name_invalid"),
    "control and bidi characters": (named("a\0\u202e<script>"), bytes(4), "tensor_name_invalid"),
    "markup in a name": (named("<img src=x onerror=alert(1)>"), bytes(4), "tensor_name_invalid"),
    "a name of 513 characters": (named("a" * 513), bytes(4), "tensor_name_invalid"),
    "an empty name": (named(""), bytes(4), "tensor_name_invalid"),
    "padding with newlines": (
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}\n\t',
        bytes(4),
        "header_malformed",
    ),
    "F4": ({"a": entry([2], 0, 1, "F4")}, bytes(1), "dtype_unsupported"),
    "an invented dtype": ({"a": entry([1], 0, 4, "F33")}, bytes(4), "dtype_unsupported"),
    "no tensors": ({}, b"", "no_tensors"),
    "a zip as data": (named("a"), b"PK\x05\x06" + bytes(18), "data_trailing"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_header_that_lies_is_refused(case: str, write: Write) -> None:
    header, data, code = REFUSED[case]
    with pytest.raises(FormatError) as caught:
        read_header(write(header, data))
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("length", "code"), [(2**62, "header_too_large"), (101 * 2**20, "header_too_large"), (500, "file_truncated")]
)
def test_a_header_length_that_lies_is_refused(length: int, code: str, write: Write) -> None:
    with pytest.raises(FormatError) as caught:
        read_header(write(named("a"), bytes(4), length=length))
    assert caught.value.code == code


def test_very_many_empty_tensors_are_refused_at_once(write: Write) -> None:
    one = '"t%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    path = write(f"{{{','.join(one % index for index in range(200_000))}}}".encode())
    started = time.perf_counter()
    with pytest.raises(FormatError) as caught:
        read_header(path)
    assert caught.value.code == "header_too_large"
    assert time.perf_counter() - started < 0.1


def test_too_many_tensors_are_refused(write: Write) -> None:
    header = {f"t{index}": entry([1], 4 * index, 4 * index + 4) for index in range(11)}
    with pytest.raises(FormatError) as caught:
        read_header(write(header, bytes(44)), limits=Limits(max_tensors=10))
    assert (caught.value.code, caught.value.expected, caught.value.received) == ("too_many_tensors", 10, 11)


@pytest.mark.parametrize(
    "name",
    [
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "unet:0:down",
        "<s1>",
        "en/wiki@ukp",
        "形容词.lora_A",
        "lora_unet_down_blocks_0.alpha",
    ],
)
def test_the_names_of_real_files_pass(name: str, write: Write) -> None:
    assert list(read_header(write(named(name), bytes(4))).tensors) == [name]


def test_metadata_and_padding_with_spaces_pass(write: Write) -> None:
    raw = json.dumps({"__metadata__": {"format": "pt"}, **named("a")}).encode() + b"   "
    assert read_header(write(raw, bytes(4))).metadata == {"format": "pt"}


def test_a_scalar_and_data_that_looks_like_a_zip_pass(write: Write) -> None:
    header = {"alpha": entry([], 0, 4), "w": entry([22], 4, 26, "U8")}
    assert read_header(write(header, bytes(4) + b"PK\x05\x06" + bytes(18))).tensors["alpha"].size == 1


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "uint8", "bool"])
def test_values_are_those_that_the_library_wrote(dtype: str, tmp_path: Path) -> None:
    array = (np.random.default_rng(0).standard_normal((3, 5)) * 10).astype(dtype)
    save_file({"x": array, "pad": np.ones(3, "u1")}, tmp_path / "a.safetensors")
    header = read_header(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(read_tensor(tmp_path / "a.safetensors", header, "x"), array)
    chunks = np.concatenate(list(iter_chunks(tmp_path / "a.safetensors", header, "x")))
    np.testing.assert_array_equal(chunks, array.ravel())


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_narrow_floats_are_widened_exactly(dtype: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="numpy has no such dtype; torch writes it")
    from safetensors.torch import save_file as save_torch

    codes = torch.arange(256, dtype=torch.uint8)
    if dtype == "bfloat16":
        codes = torch.stack([codes, codes.flip(0)], 1).contiguous().flatten()
    tensor = codes.view(getattr(torch, dtype))
    save_torch({"x": tensor}, tmp_path / "a.safetensors")
    header = read_header(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(read_tensor(tmp_path / "a.safetensors", header, "x"), tensor.float().numpy())


def test_a_file_of_100_mb_is_checked_within_a_second_and_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.safetensors"
    header = {f"layers.{index}.w": entry([64, 1024], index * 262144, (index + 1) * 262144) for index in range(400)}
    raw = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(raw)) + raw)
        stream.truncate(8 + len(raw) + 400 * 262144)
    tracemalloc.start()
    started = time.perf_counter()
    assert len(read_header(path).tensors) == 400
    elapsed = time.perf_counter() - started
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert elapsed < 1.0
    assert peak_bytes < 20 * 2**20


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), length=st.integers(0, 220))
def test_random_bytes_are_refused_with_a_code_and_never_crash(data: bytes, length: int, tmp_path: Path) -> None:
    path = tmp_path / "noise.safetensors"
    path.write_bytes(struct.pack("<Q", length) + data)
    with pytest.raises(FormatError):
        read_header(path)


def test_many_keys_and_one_of_them_twice_are_refused_quickly(write: Write) -> None:
    keys = ",".join(f'"k{index}":0' for index in range(300_000))
    started = time.perf_counter()
    with pytest.raises(FormatError) as caught:
        read_header(write(f'{{{keys},"k299999":0}}'.encode()))
    assert caught.value.code == "header_duplicate_key"
    assert time.perf_counter() - started < 3.0
