"""Pushing from a form: files arrive whole, refusals stand above the form, nothing is left open."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.adapters.models import Adapter, Revision
from catalog.errors import DomainError
from catalog.store import blob_store
from catalog.uploads.metadata import Metadata
from catalog.uploads.models import Upload
from catalog.uploads.services import SentFile, plan_parts, push_whole
from tests.unit.catalog.factories import lora_files

URL = "/new/adapter"


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    """A store of its own, and parts so small that a file has several."""
    settings.HUB_STORAGE_URL = str(tmp_path / "store")
    settings.HUB_PART_SIZE_BYTES = 1000
    settings.HUB_JOB_SENDER = "tests.unit.catalog.sending.record"


def form(**given):
    files = [SimpleUploadedFile(path, data) for path, data in lora_files().items()]
    return {"namespace": "team", "name": "pushed", "languages": "de, fr", "task": "", "files": files} | given


def test_the_form_commits_what_it_sent_and_leads_to_the_job(catalog, as_writer):
    answer = as_writer.post(URL, form(summary="Names", license="apache-2.0"))
    revision = Revision.objects.get(adapter__name="pushed")
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{revision.validation_job_id}")
    assert revision.state == "validating"
    assert revision.languages == ["de", "fr"]
    assert revision.license == "Apache-2.0"
    sent = lora_files()
    assert {file.path for file in revision.files.all()} == set(sent)
    for file in revision.files.all():
        assert b"".join(blob_store().read(file.blob_id)) == sent[file.path]


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"files": []}, 400, "invalid_input"),
        ({"name": "no name"}, 400, "invalid_name"),
        ({"version": "one"}, 400, "invalid_version"),
        ({"base": "absent/model"}, 422, "unknown_base_model"),
        ({"languages": "klingonian"}, 400, "invalid_language"),
        ({"namespace": "owner"}, 403, "not_permitted"),
        ({"files": [SimpleUploadedFile("adapter_model.bin", b"\x80\x02")]}, 422, "pickle_refused"),
    ],
)
def test_a_refusal_stands_above_the_form_and_leaves_nothing(given, status, code, catalog, as_writer):
    answer = as_writer.post(URL, form(**given))
    text = answer.content.decode()
    assert (answer.status_code, f"<code>{code}</code>" in text) == (status, True), text[:3000]
    assert 'enctype="multipart/form-data"' in text
    assert not Adapter.objects.filter(name="pushed").exists()
    assert not Upload.objects.filter(state="open").exists()


def test_what_fails_half_way_is_given_up(catalog, monkeypatch):
    from catalog.uploads import whole

    def refuse(*_, **__):
        raise DomainError("storage_unavailable", "the store is away")

    monkeypatch.setattr(whole, "receive_part", refuse)
    (path, data), *_ = lora_files().items()
    from io import BytesIO

    with pytest.raises(DomainError, match="away"):
        push_whole(catalog.writer, [SentFile(path, len(data), BytesIO(data))], adapter="team/x", metadata=Metadata())
    assert [upload.state for upload in Upload.objects.all()] == ["aborted"]


def test_only_who_signed_in_sees_the_form(catalog, stranger, as_writer):
    assert stranger.get(URL)["Location"].startswith("/login/")
    text = as_writer.get(f"{URL}?name=again").content.decode()
    assert "<option>team</option>" in text
    assert 'value="again"' in text
    assert "<option>owner</option>" not in text


def test_an_upload_that_asks_for_it_passes_through_the_hub(catalog, as_writer, settings):
    body = {
        "adapter": "team/x",
        "is_direct": False,
        "files": [{"path": "adapter_model.safetensors", "size_bytes": 2500}],
    }
    opened = as_writer.post("/api/v1/uploads", body, content_type="application/json").json()
    upload = Upload.objects.get(pk=opened["id"])
    assert not upload.is_direct
    assert [plan.size_bytes for plan in plan_parts(upload, upload.files.get())] == [1000, 1000, 500]
    assert all("/api/v1/uploads/" in part["url"] for part in opened["files"][0]["parts"])
