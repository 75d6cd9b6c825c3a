"""Large files on a store that presigns go past the hub, and a job hashes them before anything refers to them."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from catalog.adapters.models import Revision, Version
from catalog.errors import Conflict, NotFound
from catalog.jobs.models import Job, JobState
from catalog.jobs.services import cancel, claim, retry, sweep
from catalog.store import blob_store
from catalog.uploads.models import Upload, UploadFile, UploadState
from catalog.uploads.receiving import commit_received, receive
from catalog.uploads.services import (
    abort_upload,
    direct_url,
    drop_stale_staging,
    expire_uploads,
    finish_upload,
    get_upload,
    plan_parts,
    receive_part,
)
from storage.keys import staging_key
from tests.servers.proxy import Fault, FaultyProxy
from tests.servers.swift import SwiftServer
from tests.unit.catalog.factories import digests_of, make_namespace, make_user, open_push, publish
from workers.kinds import abandon_exhausted
from workers.supervisor import supervise

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
PREFIX = "direct-uploads"
MIB = 1 << 20
LARGE = hashlib.sha256(b"seed").digest() * (6 * MIB // 32)
FILES = {"weights.bin.safetensors": LARGE, "README.md": b"---\nlicense: mit\n---\n# Large\n"}
DIGEST = hashlib.sha256(LARGE).hexdigest()


@pytest.fixture(scope="module")
def proxy(swift: SwiftServer) -> Iterator[FaultyProxy]:
    with FaultyProxy(swift.endpoint) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def s3(swift: SwiftServer, proxy: FaultyProxy, settings, monkeypatch) -> None:
    """The hub's bytes lie on S3, which it reaches through a proxy; clients reach it without."""
    for name, value in swift.environment.items():
        monkeypatch.setenv(name, value)
    proxy.faults.clear()
    swift.empty(f"{PREFIX}/")
    settings.HUB_STORAGE_URL = f"{swift.url(PREFIX, endpoint=proxy.url)}&public={swift.endpoint}"
    settings.HUB_JOB_MAX_ATTEMPTS = 3
    for upload in blob_store().staged():
        blob_store().discard(upload.upload_hex)


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


def staged(swift: SwiftServer) -> list[str]:
    return swift.keys(f"{PREFIX}/staging/") + swift.unfinished(f"{PREFIX}/")


def blobs(swift: SwiftServer) -> set[str]:
    return {key.rpartition("/")[2] for key in swift.keys(f"{PREFIX}/blobs/")}


def send(upload: Upload, files: dict[str, bytes]) -> list[int]:
    """What has not arrived, each part where it belongs; the numbers of those that went to the store."""
    past_the_hub = []
    for file in upload.files.all():
        for part in plan_parts(upload, file):
            if part.is_received:
                continue
            chunk = files[file.path][part.offset : part.offset + part.size_bytes]
            url = direct_url(upload, file, part)
            if url:
                assert httpx.put(url, content=chunk).status_code == 200
                past_the_hub.append(part.number)
            else:
                receive_part(upload, index=file.index, number=part.number, chunks=[chunk])
    return past_the_hub


def finished(owner, files=FILES, sent=None, **options) -> tuple[Upload, Job]:
    upload = open_push(owner, files, **options)
    send(upload, sent or files)
    done = finish_upload(owner, upload, digests_of(files))
    assert done.revision is None
    assert done.receive_job is not None
    return get_upload(owner, upload.pk), done.receive_job


def alone(job: Job) -> None:
    """Let no other job be due."""
    Job.objects.exclude(pk=job.pk).update(available_at=timezone.now() + timedelta(hours=1))
    Job.objects.filter(pk=job.pk).update(available_at=timezone.now() - timedelta(seconds=5))


def run(job: Job) -> Job:
    alone(job)
    assert supervise()
    job.refresh_from_db()
    return job


def claimed(job: Job) -> Job:
    """The job as a worker that took it, and then does nothing more, sees it."""
    alone(job)
    taken = claim()
    assert taken is not None
    return taken.job


class TestTheWalk:
    """A push that goes well."""

    def test_large_files_go_past_the_hub_and_small_ones_through_it(self, owner, proxy):
        upload = open_push(owner, FILES)
        assert send(upload, FILES) == [1, 2]
        assert proxy.count("PUT", "partNumber") == 0, "no part of a large file passes through the hub"

    def test_a_job_hashes_the_bytes_and_commits_the_revision(self, owner, swift):
        upload, job = finished(owner, version="1.0.0")
        assert (upload.state, upload.revision, job.kind, job.queue) == ("receiving", None, "receive_upload", "cpu")
        assert not Revision.objects.exists()
        assert blobs(swift) == set(), "nothing lies under a digest before the hub has hashed it"
        run(job)
        revision = Revision.objects.get()
        assert (job.state, job.result["commit_id"], job.result["version"]) == ("succeeded", revision.commit_id, "1.0.0")
        assert job.result["job"] == str(revision.validation_job_id)
        assert {file.path: file.blob_id for file in revision.files.all()} == digests_of(FILES)
        assert revision.license == "MIT"
        assert b"".join(blob_store().read(DIGEST)) == LARGE
        assert staged(swift) == []
        assert get_upload(owner, upload.pk).state == UploadState.COMMITTED

    def test_asking_again_lists_what_arrived_and_renews_the_urls(self, owner):
        upload = open_push(owner, FILES)
        file = upload.files.get(index=0)
        plan = plan_parts(upload, file)
        httpx.put(direct_url(upload, file, plan[1]), content=LARGE[plan[1].offset :]).raise_for_status()
        again = get_upload(owner, upload.pk)
        file = again.files.get(index=0)
        assert [part.is_received for part in plan_parts(again, file)] == [False, True]
        assert send(again, FILES) == [1]
        assert finish_upload(owner, again, digests_of(FILES)).receive_job is not None

    def test_a_push_of_small_files_alone_is_committed_in_the_request(self, owner):
        files = {"README.md": b"small"}
        upload = open_push(owner, files)
        send(upload, files)
        assert finish_upload(owner, upload, digests_of(files)).revision is not None

    def test_a_direct_part_is_not_taken_by_the_hub(self, owner):
        upload = open_push(owner, FILES)
        with pytest.raises(NotFound):
            receive_part(upload, index=0, number=1, chunks=[LARGE[:4096]])


class TestFinishing:
    """Each way of finishing, once."""

    def test_missing_parts_are_named_and_the_upload_stays_open(self, owner):
        upload = open_push(owner, FILES)
        with pytest.raises(Conflict, match=r"parts \[1, 2\] of 2") as refused:
            finish_upload(owner, upload, digests_of(FILES))
        assert refused.value.code == "upload_incomplete"
        send(get_upload(owner, upload.pk), FILES)
        assert finish_upload(owner, get_upload(owner, upload.pk), digests_of(FILES)).receive_job

    def test_a_part_of_another_size_does_not_count_as_arrived(self, owner):
        upload = open_push(owner, FILES)
        send(upload, FILES)
        file = upload.files.get(index=0)
        url = blob_store().direct.part_url(staging_key(upload.pk.hex, 0), file.multipart, 2, size_bytes=5)
        httpx.put(url, content=b"short").raise_for_status()
        with pytest.raises(Conflict, match=r"parts \[2\] of 2"):
            finish_upload(owner, get_upload(owner, upload.pk), digests_of(FILES))

    def test_finishing_again_answers_the_same_job_and_then_the_revision(self, owner):
        upload, job = finished(owner)
        assert finish_upload(owner, get_upload(owner, upload.pk), digests_of(FILES)).receive_job == job
        with pytest.raises(Conflict):
            finish_upload(owner, get_upload(owner, upload.pk), digests_of(FILES) | {"README.md": "0" * 64})
        run(job)
        again = finish_upload(owner, get_upload(owner, upload.pk), digests_of(FILES))
        assert (again.revision, again.is_new) == (Revision.objects.get(), False)
        assert Job.objects.filter(kind="receive_upload").count() == 1

    def test_a_taken_version_is_refused_before_the_job(self, owner):
        publish(owner, {"README.md": b"other"}, version="1.0.0")
        upload = open_push(owner, FILES, version="1.0.0")
        send(upload, FILES)
        with pytest.raises(Conflict) as refused:
            finish_upload(owner, upload, digests_of(FILES))
        assert refused.value.code == "version_exists"
        assert get_upload(owner, upload.pk).state == UploadState.OPEN

    def test_a_version_taken_meanwhile_fails_the_job(self, owner, swift):
        upload, job = finished(owner, version="1.0.0")
        publish(owner, {"README.md": b"faster"}, version="1.0.0")
        run(job)
        assert (job.state, job.error["code"]) == ("failed", "version_exists")
        assert get_upload(owner, upload.pk).state == UploadState.OPEN
        assert Version.objects.count() == 1

    def test_a_finish_that_died_after_joining_the_parts_goes_on(self, owner):
        upload = open_push(owner, FILES)
        send(upload, FILES)
        file = UploadFile.objects.get(upload=upload, index=0)
        blob_store().direct.complete(staging_key(upload.pk.hex, 0), file.multipart, size_bytes=len(LARGE))
        upload = get_upload(owner, upload.pk)
        assert all(part.is_received for part in plan_parts(upload, upload.files.get(index=0)))
        job = finish_upload(owner, upload, digests_of(FILES)).receive_job
        assert run(job).state == JobState.SUCCEEDED


class TestReceiving:
    """The job may meet anything; nothing is half done."""

    def test_a_wrong_digest_drops_that_file_alone_and_opens_the_upload_again(self, owner, swift):
        upload, job = finished(owner, sent={**FILES, "weights.bin.safetensors": LARGE[::-1]})
        run(job)
        assert (job.state, job.attempts, job.error["code"]) == ("failed", 1, "digest_mismatch")
        assert DIGEST not in blobs(swift)
        assert not Revision.objects.exists()
        upload = get_upload(owner, upload.pk)
        assert upload.state == UploadState.OPEN
        received = {file.path: all(p.is_received for p in plan_parts(upload, file)) for file in upload.files.all()}
        assert received == {"weights.bin.safetensors": False, "README.md": True}
        assert send(upload, FILES) == [1, 2]
        assert run(finish_upload(owner, upload, digests_of(FILES)).receive_job).state == JobState.SUCCEEDED

    def test_a_store_that_is_away_is_tried_again(self, owner, proxy):
        upload, job = finished(owner)
        proxy.faults[:] = [Fault("GET", "staging", status=403)]
        assert run(job).state == JobState.QUEUED
        assert job.error["code"] == "storage_unavailable"
        proxy.faults.clear()
        assert run(job).state == JobState.SUCCEEDED
        assert get_upload(owner, upload.pk).state == UploadState.COMMITTED

    def test_a_store_that_stays_away_opens_the_upload_again_with_its_bytes(self, owner, proxy):
        upload, job = finished(owner)
        proxy.faults[:] = [Fault("GET", "staging", status=403)]
        for _ in range(3):
            run(job)
        assert job.state == JobState.FAILED
        proxy.faults.clear()
        upload = get_upload(owner, upload.pk)
        assert upload.state == UploadState.OPEN
        assert send(upload, FILES) == [], "nothing needs to be sent again"
        assert run(finish_upload(owner, upload, digests_of(FILES)).receive_job).state == JobState.SUCCEEDED

    def test_a_worker_that_died_is_followed_by_another(self, owner):
        upload, job = finished(owner)
        dead = claimed(job)
        receive(dead, lambda count: None)
        Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweep(abandon_exhausted)
        assert run(job).state == JobState.SUCCEEDED
        with pytest.raises(Conflict):
            receive(dead, lambda count: None)
        assert Revision.objects.count() == 1
        assert get_upload(owner, upload.pk).revision is not None

    def test_workers_that_always_die_give_the_upload_back(self, owner):
        upload, job = finished(owner)
        Job.objects.update(state=JobState.FAILED, attempts=3)
        abandon_exhausted(Job.objects.get(pk=job.pk))
        assert get_upload(owner, upload.pk).state == UploadState.OPEN

    def test_an_administrator_may_let_a_job_run_again_that_the_store_failed(self, owner, proxy):
        upload, job = finished(owner)
        proxy.faults[:] = [Fault("GET", "staging", status=403)]
        for _ in range(3):
            run(job)
        proxy.faults.clear()
        assert job.is_dead_letter
        retry(make_user("root", is_admin=True), job)
        assert get_upload(owner, upload.pk).state == UploadState.RECEIVING
        assert run(job).state == JobState.SUCCEEDED

    def test_a_job_whose_upload_went_another_way_does_not_run_again(self, owner, proxy):
        upload, job = finished(owner)
        proxy.faults[:] = [Fault("GET", "staging", status=403)]
        for _ in range(3):
            run(job)
        proxy.faults.clear()
        abort_upload(get_upload(owner, upload.pk))
        with pytest.raises(Conflict):
            retry(make_user("root", is_admin=True), job)

    def test_the_lease_is_renewed_while_bytes_are_hashed(self, owner):
        _, job = finished(owner)
        beats: list[int] = []
        receive(claimed(job), beats.append)
        assert sum(beats) == sum(map(len, FILES.values()))
        assert max(beats) <= MIB, "a beat at least every mebibyte"

    def test_aborting_while_it_is_received_leaves_nothing(self, owner, swift):
        upload, job = finished(owner)
        running = claimed(job)
        outcome = receive(running, lambda count: None)
        abort_upload(get_upload(owner, upload.pk))
        assert staged(swift) == []
        with pytest.raises(Conflict):
            commit_received(running, outcome)
        assert not Revision.objects.exists()
        assert Job.objects.get(pk=job.pk).is_cancel_requested
        assert get_upload(owner, upload.pk).state == UploadState.ABORTED

    def test_cancelling_the_job_opens_the_upload_again(self, owner):
        upload, job = finished(owner)
        cancel(owner, job)
        assert run(job).state == JobState.CANCELLED
        assert get_upload(owner, upload.pk).state == UploadState.OPEN

    def test_who_lost_the_role_meanwhile_commits_nothing(self, owner):
        from catalog.accounts.models import Namespace
        from catalog.accounts.services import remove_member, set_member

        lab, writer = Namespace.objects.get(name="lab"), make_user("writer")
        set_member(owner, lab, username="writer", role="writer")
        _, job = finished(writer)
        remove_member(owner, lab, username="writer")
        assert run(job).error["code"] in ("not_permitted", "not_found")
        assert not Revision.objects.exists()


class TestClearingUp:
    """What nobody will use leaves the store."""

    def test_an_aborted_upload_leaves_no_multipart_upload(self, owner, swift):
        upload = open_push(owner, FILES)
        plan_parts(upload, upload.files.get(index=0))
        assert swift.unfinished(PREFIX)
        abort_upload(upload)
        assert staged(swift) == []

    def test_a_commit_is_answered_although_the_parts_cannot_be_dropped_and_the_sweep_drops_them(
        self, owner, swift, proxy
    ):
        files = {"README.md": b"small"}
        upload = open_push(owner, files)
        send(upload, files)
        proxy.faults[:] = [Fault("DELETE", "staging", status=403)]
        assert finish_upload(owner, upload, digests_of(files)).revision is not None
        assert staged(swift)
        assert drop_stale_staging() == 0, "a store that is away does not break the sweep"
        proxy.faults.clear()
        assert drop_stale_staging() == 1
        assert staged(swift) == []

    def test_what_is_open_being_received_or_young_is_kept(self, owner, swift):
        _, job = finished(owner)
        open_one = open_push(owner, FILES, "lab/open")
        plan_parts(open_one, open_one.files.get(index=0))
        blob_store().write_part(staging_key("e" * 32, 0), 1, [b"x"], size_bytes=1)
        before = sorted(staged(swift))
        assert drop_stale_staging() == 0
        assert sorted(staged(swift)) == before
        assert run(job).state == JobState.SUCCEEDED

    def test_what_no_row_knows_is_dropped_after_a_day(self, owner, swift, monkeypatch):
        blob_store().write_part(staging_key("e" * 32, 0), 1, [b"x"], size_bytes=1)
        blob_store().direct.begin(staging_key("d" * 32, 0))
        monkeypatch.setattr("catalog.uploads.staging._STALE_AFTER", timedelta(days=-1))
        assert drop_stale_staging() == 2
        assert staged(swift) == []

    def test_an_upload_that_expired_leaves_no_multipart_upload(self, owner, swift):
        upload = open_push(owner, FILES)
        plan_parts(upload, upload.files.get(index=0))
        Upload.objects.update(expires_at=timezone.now() - timedelta(days=1))
        assert expire_uploads() == 1
        assert staged(swift) == []

    def test_an_upload_that_is_being_received_does_not_expire(self, owner):
        finished(owner)
        Upload.objects.update(expires_at=timezone.now() - timedelta(days=1))
        assert expire_uploads() == 0
        Job.objects.filter(kind="receive_upload").delete()
        assert expire_uploads() == 1
