"""Evidence about an accepted revision: measured on whichever device there is, shown, never in the way."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from catalog.adapters.models import Revision
from catalog.evidence.models import Evidence
from catalog.jobs.models import Job, JobState
from tests.unit.catalog.factories import lora_files, make_base, make_namespace, make_user, publish, push
from tests.unit.workers.child_functions import say_nothing
from workers.kinds import HANDLERS
from workers.supervisor import supervise

torch = pytest.importorskip("torch", reason="evidence is measured with torch")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner():
    owner = make_user("owner", is_admin=True)
    make_namespace(owner)
    make_base(owner)
    return owner


def accepted(owner, **options: Any) -> Revision:
    """A revision that validation accepted, with its evidence waiting in the queue of devices."""
    files = options.pop("files", None) or lora_files(seed=options.pop("seed", 1))
    revision = push(owner, files, **options)
    assert supervise(queue="cpu")
    revision.refresh_from_db()
    assert revision.state == "pending", revision.report
    return revision


def lay_out(folder: Path, rank: int = 8) -> dict[str, str]:
    """A LoRA's files on disk, as a worker gets them."""
    files = {}
    for name, data in lora_files(rank=rank).items():
        (folder / name).write_bytes(data)
        files[name] = str(folder / name)
    return files


def test_an_accepted_revision_is_measured_and_the_numbers_are_shown(owner):
    revision = accepted(owner, version="1.0.0")
    assert supervise(queue="gpu")
    job = Job.objects.get(kind="gather_evidence")
    assert (job.state, job.queue, job.priority_name) == (JobState.SUCCEEDED, "gpu", "background"), job.error
    evidence = Evidence.objects.get(revision=revision)
    [(module, measured)] = evidence.statistics.items()
    assert module.endswith("q_proj")
    assert 0 < measured["top_share"] <= 1
    assert measured["norm"] >= measured["spectral_norm"] > 0
    client = Client()
    client.force_login(owner)
    page = client.get(f"/review/lab/ner/{revision.commit_id}/").content.decode()
    assert "1 module, on" in page
    assert "too few published peers" in page


def test_publication_does_not_wait_for_evidence_and_its_failure_changes_nothing(owner, monkeypatch, settings):
    monkeypatch.setattr(HANDLERS["gather_evidence"], "function", "tests.unit.workers.child_functions:kill_self")
    settings.HUB_JOB_MAX_ATTEMPTS = 1
    revision = publish(owner, version="1.0.0")
    assert not Evidence.objects.exists()
    from catalog.evidence.services import request_evidence

    request_evidence(revision)
    supervise(queue="gpu")
    job = Job.objects.get(kind="gather_evidence")
    assert (job.state, job.is_dead_letter) == (JobState.FAILED, True)
    revision.refresh_from_db()
    assert (revision.state, revision.version.state) == ("published", "published")


def test_what_has_no_low_rank_factors_is_skipped_by_name(tmp_path):
    from workers.computing import gather_evidence

    (tmp_path / "README.md").write_text("no weights")
    outcome = gather_evidence({"files": {"README.md": str(tmp_path / "README.md")}, "peers": []}, say_nothing)
    assert outcome["skipped"]["code"] == "weights_missing"


def test_with_three_published_peers_the_unusual_is_named(tmp_path):
    from workers.computing import gather_evidence

    files = lay_out(tmp_path)
    own = gather_evidence({"files": files, "peers": []}, say_nothing)["statistics"]
    peers = [
        {name: {**said, "kurtosis": said["kurtosis"] * 100 + step} for name, said in own.items()} for step in range(4)
    ]
    outcome = gather_evidence({"files": files, "peers": peers}, say_nothing)
    assert outcome["peers"] == 4
    assert [row["statistic"] for row in outcome["comparison"]["largest"]] == ["kurtosis"]
    assert "safety" in outcome["comparison"]["meaning"]


def test_a_cuda_device_and_the_cpu_measure_the_same(tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    from workers.children import run_in_child

    files = lay_out(tmp_path)
    found = {
        device: run_in_child(
            "workers.computing:gather_evidence",
            {"files": files, "peers": [], "device": device},
            memory_bytes=8 << 30,
            seconds=300,
            is_memory_watched=True,
        )
        for device in ("cpu", "cuda")
    }
    assert found["cuda"]["device"] == "cuda"
    for module, measured in found["cpu"]["statistics"].items():
        assert found["cuda"]["statistics"][module] == pytest.approx(measured, rel=1e-4)


def test_the_five_numbers_are_those_of_the_kernel(tmp_path):
    from kernels.evidence import adapter_statistics
    from kernels.lowrank_io import load_updates
    from workers.computing import gather_evidence

    files = lay_out(tmp_path)
    expected = adapter_statistics(load_updates(tmp_path))
    measured = gather_evidence({"files": files, "peers": [], "device": "cpu"}, say_nothing)["statistics"]
    assert measured == {name: pytest.approx(asdict(said), rel=1e-5) for name, said in expected.items()}
