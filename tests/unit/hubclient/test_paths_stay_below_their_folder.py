"""No name from a server, however hostile, leads out of the destination or to a device."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubclient import Hub
from hubclient.errors import IntegrityError, UnsafePathError
from hubclient.paths import check_paths_together, safe_relative_path
from tests.unit.hubclient.small_hub import SmallHub

HOSTILE = [
    "", ".", "..", "../x", "a/../../x", "/etc/passwd", "//x", "a//b", "a/", "./a", "C:/x", "c:x", "a\\..\\b",
    "\\\\host\\share", "a\x00b", "a\nb", "CON", "con.txt", "dir/NUL.json", "com1", "LPT9.x", "COM¹", "a.", "a ",
    "x:stream", "a|b", "a?", "x" * 600,
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_name_is_refused(path: str):
    with pytest.raises(UnsafePathError) as caught:
        safe_relative_path(path)
    assert (caught.value.code, caught.value.exit_code) == ("path_refused", 5)


@pytest.mark.parametrize(
    "path", ["adapter_model.safetensors", "a/b/c.json", "README.md", "console.txt", "été/ñ.txt", "a..b"]
)
def test_an_ordinary_name_passes_unchanged(path: str):
    assert safe_relative_path(path) == path


@given(st.text(alphabet="ab./\\:~ \x00", max_size=12))
def test_what_passes_stays_inside(path: str):
    try:
        safe_relative_path(path)
    except UnsafePathError:
        return
    root = Path("/of/all")
    joined = root / path
    assert root in joined.parents
    assert ".." not in joined.parts


@pytest.mark.parametrize("paths", [["a", "A"], ["é", "e\u0301"], ["a", "a/b"], ["x", "x"]])
def test_names_that_collide_on_some_system_are_refused_together(paths: list[str]):
    with pytest.raises(UnsafePathError):
        check_paths_together(paths)


@pytest.mark.parametrize("path", ["../outside.txt", "/tmp_outside", "a/../../outside.txt"])
def test_a_hostile_server_writes_nothing(path: str, hub: Hub, small_hub: SmallHub, tmp_path: Path):
    small_hub.blobs = {"fine.json": b"{}", path: b"evil"}
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnsafePathError):
        hub.pull("team/one", tmp_path / "dest")
    assert sorted(tmp_path.rglob("*")) == before
    assert not small_hub.asked("GET", "/blob/")


def test_a_digest_that_is_a_path_is_refused(hub: Hub, small_hub: SmallHub, tmp_path: Path):
    small_hub.blobs = {"fine.json": b"{}"}
    small_hub.promised = {"fine.json": "../../../../outside"}
    with pytest.raises(IntegrityError) as caught:
        hub.pull("team/one", tmp_path / "dest")
    assert caught.value.code == "invalid_digest"
