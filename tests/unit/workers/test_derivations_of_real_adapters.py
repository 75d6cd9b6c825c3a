"""Adapters that people published are looked at, merged and reduced by the functions of the jobs."""

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="adapters are merged with torch")

from kernels.copies import load_copies  # noqa: E402
from kernels.lowrank_io import load_updates  # noqa: E402
from kernels.reduction import PACKED_NAME, distance, read_packed  # noqa: E402
from tests.unit.workers.small_models import say_nothing  # noqa: E402
from workers.derivations.merging import merge, preview_merge  # noqa: E402
from workers.derivations.reducing import reduce  # noqa: E402

GEMMA = ("gemma3-270m-svg-aowei-adapter", "gemma3-270m-svg-zouhe")


def argument(shared: Path, out: Path, names: tuple[str, ...], **recipe: Any) -> dict[str, Any]:
    """What a job lays out for its child; skips by name where the adapters are absent."""
    parents = []
    for name in names:
        folder = shared / "data" / "real_adapters" / name
        if not folder.is_dir():
            pytest.skip(f"needs ../shared/data/real_adapters/{name}")
        files = {path.name: str(path) for path in folder.iterdir() if path.is_file()}
        parents.append({"name": name, "commit_id": "c" * 40, "files": files})
    base = {"name": "google/gemma-3-270m"}
    return {"kind": "merge", "base": base, "parents": parents, "recipe": recipe, "out": str(out / "made"), "threads": 1}


def test_two_of_a_gemma_family_are_looked_at_and_merged_to_a_rank(shared_folder: Path, tmp_path: Path):
    recipe = {"weights": [0.5, 0.5], "seed": 0, "dtype": "float32", "heads": "", "method": "svd", "rank": 8}
    asked = argument(shared_folder, tmp_path, GEMMA, **recipe)
    seen = preview_merge(asked, say_nothing)
    assert seen["refusals"] == []
    assert len(seen["modules"]) == 72
    assert 0 < seen["overlap_in"][0][1] <= 1
    said = merge(asked, say_nothing)
    # Two of rank 4 fit into rank 8: nothing is lost.
    assert max(row["distance_to_sum"] for row in said["report"]["modules"].values()) < 1e-4
    one, two = (load_updates(shared_folder / "data" / "real_adapters" / name) for name in GEMMA)
    made = load_updates(tmp_path / "made")
    for name in list(made)[:3]:
        expected = 0.5 * one[name].dense() + 0.5 * two[name].dense()
        assert torch.allclose(made[name].dense(), expected, atol=1e-5)


def test_one_with_a_head_is_stored_in_four_bits_beside_its_ordinary_form(shared_folder: Path, tmp_path: Path):
    recipe = {"operation": "quantise", "bits": 4, "group_size": 64, "is_balanced": True, "is_packed": True}
    report = reduce(argument(shared_folder, tmp_path, ("gpt2-peft",), **recipe), say_nothing)["report"]
    assert report["bytes_after"] < 0.15 * report["bytes_before"]
    assert report["relative_error"] == pytest.approx(0.139, abs=0.01)
    source, made = shared_folder / "data" / "real_adapters" / "gpt2-peft", tmp_path / "made"
    assert load_copies(made).is_same(load_copies(source))
    packed, written = read_packed(made / PACKED_NAME), load_updates(made)
    assert all(distance(packed[name], update) <= 1e-5 * update.norm() for name, update in written.items())
