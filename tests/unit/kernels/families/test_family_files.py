"""A family's files: what is written comes back, members expand to what they were, and wrong files are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from kernels.families.basis import Basis
from kernels.families.clustered import clustered_jd
from kernels.families.eigenlora import eigenlora
from kernels.families.encoding import ENCODINGS, Encoding, decode, encode
from kernels.families.expanding import expand_files
from kernels.families.files import read_basis, read_member, write_basis, write_member
from kernels.families.jd_diag import jd_diag
from kernels.families.jd_full import jd_full
from kernels.families.stored import StoredBasis, StoredMember, StoredModule, expand, project, relative_squared_errors
from kernels.families.streaming import loader_of
from kernels.formats.errors import FormatError
from kernels.lowrank import LowRankUpdate
from kernels.lowrank_io import Layout, load_layout, load_updates
from tests.unit.kernels.families.pools import make_pool

MODULES = {"layer.0.query": (12, 20), "layer.1.value": (16, 14)}
SINGLE = Encoding("float32")


def family(count: int = 6, rank: int = 2, planted: int = 4) -> list[dict[str, LowRankUpdate]]:
    """Adapters whose updates lie within a few shared dimensions of each module."""
    pools = {
        name: make_pool(count, rank, *shape, seed=place, planted=planted, dtype=torch.float32)
        for place, (name, shape) in enumerate(MODULES.items())
    }
    return [{name: pool[place] for name, pool in pools.items()} for place in range(count)]


def stored(adapters: list[dict[str, LowRankUpdate]], method: str, rank: int = 4) -> StoredBasis:
    """A basis of a method, in memory."""
    modules, load = loader_of(adapters)
    if method == "clustered":
        fit = clustered_jd(modules, load, rank=rank, clusters=2)
        found = {name: tuple(one.basis for one in fit.fits[name]) for name in modules}
    elif method == "eigenlorax":
        sides = {name: eigenlora(load(name), components=rank).basis for name in modules}
        found = {name: (Basis(one.W_B, one.W_A),) for name, one in sides.items()}
    elif method == "individual":
        found = dict.fromkeys(modules, ())
    else:
        fits = [
            jd_diag(load(name), rank=rank) if method == "jd_diag" else jd_full(load(name), rank=rank)
            for name in modules
        ]
        found = {name: (one.basis,) for name, one in zip(modules, fits, strict=True)}
    return StoredBasis(
        method, "acme/base", {name: StoredModule(*MODULES[name], clusters) for name, clusters in found.items()}
    )


@pytest.mark.parametrize("method", ["jd_full", "clustered", "eigenlorax", "individual"])
def test_a_family_within_the_basis_comes_back_as_it_was(tmp_path: Path, method: str) -> None:
    adapters = family()
    basis = write_basis(tmp_path / "basis.safetensors", stored(adapters, method), encoding=SINGLE)
    for place, adapter in enumerate(adapters):
        member = write_member(tmp_path / f"{place}.safetensors", basis, project(basis, adapter), encoding=SINGLE)
        errors = relative_squared_errors(basis, member, adapter)
        assert max(errors.values()) < 1e-8
        assert all(update.rank == 2 for update in expand(basis, member).values()), "no rank beyond the adapter's own"


def test_a_diagonal_basis_gives_back_what_its_fit_promised(tmp_path: Path) -> None:
    adapters = family(count=3, rank=1, planted=3)
    basis = write_basis(tmp_path / "basis.safetensors", stored(adapters, "jd_diag"), encoding=SINGLE)
    for place, adapter in enumerate(adapters):
        member = project(basis, adapter)
        again = write_member(tmp_path / f"{place}.safetensors", basis, member, encoding=SINGLE)
        before, after = (relative_squared_errors(basis, one, adapter) for one in (member, again))
        assert after == pytest.approx(before, abs=1e-6)
        fits = {name: basis.modules[name].clusters[0].project(adapter[name]) for name in MODULES}
        assert after == pytest.approx({name: fit.relative_squared_error for name, fit in fits.items()}, abs=1e-5)


@pytest.mark.parametrize(
    ("dtype", "limit"), [("float32", 1e-10), ("float16", 1e-5), ("bfloat16", 1e-3), ("int8", 1e-3), ("int4", 0.05)]
)
def test_narrower_values_cost_bytes_and_error_as_their_bits_say(tmp_path: Path, dtype: str, limit: float) -> None:
    adapters = family()
    basis = write_basis(tmp_path / "basis.safetensors", stored(adapters, "jd_full"), encoding=Encoding(dtype, 16))
    member = project(basis, adapters[0])
    again = write_member(tmp_path / "0.safetensors", basis, member, encoding=Encoding(dtype, 16))
    assert max(relative_squared_errors(basis, again, adapters[0]).values()) < limit


def test_members_are_projected_on_the_basis_as_it_is_stored(tmp_path: Path) -> None:
    """Rounded directions are not orthonormal: the coefficients of least error are others than of the exact basis."""
    adapters = family()
    exact = stored(adapters, "jd_full")
    rounded = write_basis(tmp_path / "basis.safetensors", exact, encoding=Encoding("int4", 16))
    own = relative_squared_errors(rounded, project(rounded, adapters[0]), adapters[0])
    borrowed = relative_squared_errors(rounded, project(exact, adapters[0]), adapters[0])
    assert all(own[name] < borrowed[name] for name in MODULES)


def test_the_same_family_gives_the_same_bytes(tmp_path: Path) -> None:
    adapters = family()
    written = []
    for turn in range(2):
        basis = write_basis(tmp_path / f"basis{turn}.safetensors", stored(adapters, "jd_full"))
        member = write_member(tmp_path / f"member{turn}.safetensors", basis, project(basis, adapters[1]))
        written.append((basis.sha256, member.sha256))
    assert written[0] == written[1]
    assert (tmp_path / "basis0.safetensors").stat().st_size == basis.size_bytes


def test_a_member_whose_rank_is_far_below_the_basis_keeps_loadings_and_not_a_core(tmp_path: Path) -> None:
    adapters = family(count=8, rank=1, planted=8)
    basis = write_basis(tmp_path / "basis.safetensors", stored(adapters, "jd_full", rank=8))
    kept = project(basis, adapters[0]).coefficients["layer.0.query"]
    assert kept.core is None
    assert kept.loadings[0].shape == (8, 1)


def test_a_mean_is_taken_off_first_and_given_back(tmp_path: Path) -> None:
    adapters = family()
    mean = {name: LowRankUpdate(torch.ones(1, d_in), torch.ones(d_out, 1)) for name, (d_out, d_in) in MODULES.items()}
    shifted = {
        name: LowRankUpdate(torch.cat([one.A, mean[name].A]), torch.cat([one.B, mean[name].B], 1))
        for name, one in adapters[0].items()
    }
    plain = stored(adapters, "jd_full")
    modules = {name: StoredModule(*MODULES[name], plain.modules[name].clusters, mean[name]) for name in MODULES}
    basis = write_basis(tmp_path / "basis.safetensors", StoredBasis("jd_full", "acme/base", modules), encoding=SINGLE)
    member = write_member(tmp_path / "0.safetensors", basis, project(basis, shifted), encoding=SINGLE)
    assert max(relative_squared_errors(basis, member, shifted).values()) < 1e-8


def test_a_module_that_an_adapter_does_not_change_is_not_given_back(tmp_path: Path) -> None:
    adapters = family()
    basis = write_basis(tmp_path / "basis.safetensors", stored(adapters, "jd_full"))
    alone = {"layer.1.value": adapters[0]["layer.1.value"]}
    member = write_member(tmp_path / "0.safetensors", basis, project(basis, alone))
    assert list(expand(basis, member)) == ["layer.1.value"]


def test_an_expanded_member_is_a_peft_folder_with_heads_embeddings_and_windows(tmp_path: Path) -> None:
    adapters = family()
    basis = stored(adapters, "jd_full")
    layout = Layout(frozenset({"layer.0.query"}), {"layer.1.value": (1, 2)})
    basis = StoredBasis("jd_full", "acme/base", basis.modules, layout)
    basis = write_basis(tmp_path / "basis.safetensors", basis, encoding=SINGLE)
    head = {"base_model.model.classifier.weight": torch.randn(3, 8), "base_model.model.classifier.bias": torch.randn(3)}
    settings = {"task_type": "SEQ_CLS", "modules_to_save": ["classifier"]}
    member = StoredMember(project(basis, adapters[0]).coefficients, full=head, settings=settings)
    write_member(tmp_path / "0.safetensors", basis, member, encoding=SINGLE)
    folder = expand_files(tmp_path / "basis.safetensors", tmp_path / "0.safetensors", tmp_path / "out")
    assert {name: values.dense() for name, values in load_updates(folder).items()}.keys() == MODULES.keys()
    assert load_layout(folder) == layout
    tensors = load_file(folder / "adapter_model.safetensors")
    assert all(torch.equal(tensors[name], values) for name, values in head.items()), "heads travel bit for bit"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["task_type"], config["base_model_name_or_path"]) == ("SEQ_CLS", "acme/base")
    modes = {path.name: path.stat().st_mode for path in folder.iterdir()}
    assert len(set(modes.values())) == 1, f"who may read the config may read the weights: {modes}"


def test_a_quantised_head_keeps_its_bias_in_half_precision(tmp_path: Path) -> None:
    basis = write_basis(tmp_path / "basis.safetensors", stored(family(), "jd_full"))
    head = {"classifier.weight": torch.randn(4, 64), "classifier.bias": torch.randn(4)}
    member = StoredMember(project(basis, family()[0]).coefficients, full=head)
    again = write_member(tmp_path / "0.safetensors", basis, member, head_encoding=Encoding("int8"))
    assert torch.equal(again.full["classifier.bias"], head["classifier.bias"].half().float())
    missed = (again.full["classifier.weight"] - head["classifier.weight"]).norm() / head["classifier.weight"].norm()
    assert 0 < missed < 0.01


def test_the_header_of_a_member_stays_below_a_kilobyte(tmp_path: Path) -> None:
    """Coefficients are few: a description of each module would be larger than they are."""
    names = [f"encoder.layer.{layer}.attention.self.{side}" for layer in range(24) for side in ("query", "value")]
    shared = Basis(torch.linalg.qr(torch.randn(32, 4))[0], torch.linalg.qr(torch.randn(32, 4))[0])
    modules = {name: StoredModule(32, 32, (shared,)) for name in names}
    basis = write_basis(tmp_path / "basis.safetensors", StoredBasis("jd_full", "acme/base", modules))
    adapter = {name: LowRankUpdate(torch.randn(2, 32), torch.randn(32, 2)) for name in names}
    member = write_member(tmp_path / "0.safetensors", basis, project(basis, adapter))
    values = 48 * 16 * 2
    assert values < member.size_bytes < values + 1024


@pytest.mark.parametrize("dtype", ENCODINGS)
def test_every_encoding_gives_back_the_shape_it_was_given(dtype: str) -> None:
    values, encoding = torch.randn(3, 5, 7), Encoding(dtype, 8)
    tensors, units = encode("x", values, encoding)
    again = decode("x", tensors, units, encoding, (3, 5, 7))
    assert again.shape == values.shape
    assert (again - values).norm() / values.norm() < (0.7 if dtype == "int1" else 0.2)


def test_values_that_half_precision_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="choose float32"):
        encode("x", torch.tensor([1e6]), Encoding("float16"))


@pytest.mark.parametrize("shape", [(12, 21), (11, 20)])
def test_an_adapter_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    basis = stored(family(), "jd_full")
    other = LowRankUpdate(torch.randn(2, shape[1]), torch.randn(shape[0], 2))
    with pytest.raises(ValueError, match="the basis is for 12 x 20"):
        project(basis, {"layer.0.query": other})
    with pytest.raises(ValueError, match=r"layer\.9"):
        project(basis, {"layer.9.query": other})


def test_coefficients_on_another_basis_are_refused(tmp_path: Path) -> None:
    first = write_basis(tmp_path / "first.safetensors", stored(family(), "jd_full"))
    second = write_basis(tmp_path / "second.safetensors", stored(family(), "jd_full", rank=3))
    write_member(tmp_path / "0.safetensors", first, project(first, family()[0]))
    with pytest.raises(FormatError) as refused:
        read_member(tmp_path / "0.safetensors", second)
    assert refused.value.code == "other_basis"


def test_a_written_file_is_never_written_over(tmp_path: Path) -> None:
    write_basis(tmp_path / "basis.safetensors", stored(family(), "jd_full"))
    with pytest.raises(FileExistsError, match="never change"):
        write_basis(tmp_path / "basis.safetensors", stored(family(), "jd_full"))


def _document(path: Path) -> dict:
    from kernels.formats.safetensors_header import read_header

    return json.loads(read_header(path).metadata["adapterhub"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": "something.else"}, "other_format"),
        ({"version": 2}, "version_unknown"),
        ({"method": "magic"}, "header_malformed"),
        ({"modules": []}, "header_malformed"),
        ({"modules": None}, "header_malformed"),
        ({"values": {"dtype": "int3"}}, "header_malformed"),
        ({"values": {"dtype": "float16"}}, "tensor_unfit"),
    ],
)
def test_a_basis_that_describes_itself_wrongly_is_refused(tmp_path: Path, change: dict, code: str) -> None:
    path = tmp_path / "basis.safetensors"
    write_basis(path, stored(family(), "jd_full"), encoding=SINGLE)
    save_file(load_file(path), tmp_path / "wrong", metadata={"adapterhub": json.dumps(_document(path) | change)})
    with pytest.raises(FormatError) as refused:
        read_basis(tmp_path / "wrong")
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cluster": 1}, "header_malformed"),
        ({"ranks": [2]}, "header_malformed"),
        ({"ranks": [2, -2, 2]}, "header_malformed"),
        ({"ranks": -1}, "tensor_unfit"),
        ({"ranks": "many"}, "header_malformed"),
        ({"settings": None}, "header_malformed"),
        ({"heads": {"classifier.weight": [2, 2]}, "head_values": {"dtype": "float32"}}, "tensor_missing"),
    ],
)
def test_a_member_that_describes_itself_wrongly_is_refused(tmp_path: Path, change: dict, code: str) -> None:
    path = tmp_path / "0.safetensors"
    basis = write_basis(tmp_path / "basis.safetensors", stored(family(), "jd_full"))
    write_member(path, basis, project(basis, family()[0]))
    save_file(load_file(path), tmp_path / "wrong", metadata={"adapterhub": json.dumps(_document(path) | change)})
    with pytest.raises(FormatError) as refused:
        read_member(tmp_path / "wrong", basis)
    assert refused.value.code == code


def test_a_file_that_is_no_member_at_all_is_refused(tmp_path: Path) -> None:
    basis = write_basis(tmp_path / "basis.safetensors", stored(family(), "jd_full"))
    save_file({"x": torch.ones(1)}, tmp_path / "0.safetensors")
    with pytest.raises(FormatError) as refused:
        read_member(tmp_path / "0.safetensors", basis)
    assert refused.value.code == "other_format"


def test_settings_cannot_make_the_expanded_folder_point_elsewhere(tmp_path: Path) -> None:
    """A member's settings come from a hub: those that would make PEFT read more than the folder are not taken over."""
    basis = write_basis(tmp_path / "basis.safetensors", stored(family(), "jd_full"))
    settings = {"task_type": "SEQ_CLS", "megatron_config": {"x": 1}, "auto_mapping": {"base_model_class": "os.system"}}
    member = StoredMember(project(basis, family()[0]).coefficients, settings=settings)
    write_member(tmp_path / "0.safetensors", basis, member)
    folder = expand_files(tmp_path / "basis.safetensors", tmp_path / "0.safetensors", tmp_path / "out")
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["task_type"] == "SEQ_CLS"
    assert not {"megatron_config", "auto_mapping"} & config.keys()
