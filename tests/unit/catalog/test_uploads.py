"""The walk of every push: open, send parts, finish; and everything that can go wrong on the way."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from catalog.adapters.models import Adapter, Blob, Revision, Version
from catalog.errors import Busy, Conflict, InvalidInput, NotFound, NotPermitted, TooLarge, Unprocessable
from catalog.jobs.models import Job
from catalog.uploads.metadata import Metadata
from catalog.uploads.models import Upload, UploadState
from catalog.uploads.services import (
    AnnouncedFile,
    abort_upload,
    expire_uploads,
    finish_upload,
    get_upload,
    open_upload,
    plan_parts,
    receive_part,
)
from tests.unit.catalog.factories import (
    announce,
    digests_of,
    lora_files,
    make_base,
    make_namespace,
    make_user,
    open_push,
    publish,
    push,
    send_all,
    together,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    """The owner of ``lab``."""
    owner = make_user("owner")
    make_namespace(owner)
    return owner


def bytes_on_disk() -> list[str]:
    root = Path(django_settings.HUB_STORAGE_URL)
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def staged() -> list[str]:
    return [name for name in bytes_on_disk() if name.startswith("staging/")]


class TestTheWalk:
    """A push that goes well."""

    def test_a_push_becomes_a_commit_with_a_reserved_version_and_a_job(self, owner, store):
        make_base(owner)
        files = lora_files() | {"weights/extra.txt": b"x" * 10_000, "empty.txt": b""}
        revision = push(
            owner, files, metadata=Metadata(base="tiny/llama", license="mit", languages=["EN"]), message="one"
        )
        assert (revision.state, revision.message, revision.license, revision.languages) == (
            "validating",
            "one",
            "MIT",
            ["en"],
        )
        assert {file.path: file.blob_id for file in revision.files.all()} == digests_of(files)
        assert revision.size_bytes == sum(len(data) for data in files.values())
        assert (revision.version.name, revision.version.state) == ("0.1.0", "reserved")
        assert revision.validation_job.payload == {"revision_id": revision.pk, "version": "0.1.0"}
        assert set(store.digests()) == set(digests_of(files).values())
        assert staged() == []

    def test_a_file_is_sent_in_parts_of_the_stated_size(self, owner, settings):
        settings.HUB_PART_SIZE_BYTES = 1000
        upload = open_push(owner, {"a.txt": b"x" * 2500, "b.txt": b"", "c.txt": b"y" * 1000})
        plans = [[(p.number, p.offset, p.size_bytes) for p in plan_parts(upload, file)] for file in upload.files.all()]
        assert plans == [[(1, 0, 1000), (2, 1000, 1000), (3, 2000, 500)], [(1, 0, 0)], [(1, 0, 1000)]]

    def test_an_upload_is_resumed_where_it_stopped(self, owner):
        upload = open_push(owner, {"a.txt": b"x" * 9000})
        receive_part(upload, index=0, number=2, chunks=[b"x" * 4096])
        again = get_upload(owner, upload.pk)
        assert [part.is_received for part in plan_parts(again, again.files.get())] == [False, True, False]

    def test_without_a_version_the_next_free_one_is_taken(self, owner):
        publish(owner, {"README.md": b"1"}, version="1.9.0")
        publish(owner, {"README.md": b"2"}, version="1.10.3")
        assert push(owner, {"README.md": b"3"}).version.name == "1.10.4"

    def test_a_second_push_has_the_first_as_its_parent(self, owner):
        first = push(owner, {"README.md": b"1"})
        assert push(owner, {"README.md": b"2"}).parent == first

    def test_the_same_bytes_are_kept_once(self, owner, store):
        push(owner, {"a.txt": b"same", "b.txt": b"same"})
        push(owner, {"c.txt": b"same"}, adapter="lab/other")
        assert Blob.objects.count() == 1
        assert len(list(store.digests())) == 1

    def test_the_card_is_read_as_data(self, owner):
        card = b"---\nlicense: apache-2.0\nlanguage: no\ntags: [NER]\n---\n# Title"
        revision = push(owner, {"README.md": card})
        assert (revision.license, revision.languages, revision.tags, revision.card) == (
            "Apache-2.0",
            ["no"],
            ["ner"],
            "# Title",
        )

    def test_a_card_that_cannot_be_read_says_why_and_the_push_goes_on(self, owner):
        revision = push(owner, {"README.md": b"---\na: &x 1\nb: *x\n---\n\xff"})
        assert "alias" in revision.claims["card"]["error"]
        assert "\ufffd" in revision.card


class TestRefusedBeforeAnyByte:
    """Opening checks everything that can be known; a refused one leaves nothing behind."""

    @pytest.mark.parametrize(
        ("wish", "kind", "code"),
        [
            ({"adapter": "nobody/ner"}, NotFound, "not_found"),
            ({"adapter": "lab"}, InvalidInput, "invalid_name"),
            ({"adapter": "lab/résumé"}, InvalidInput, "invalid_name"),
            ({"adapter": "lab/resolve"}, InvalidInput, "invalid_name"),
            ({"version": "1.0"}, InvalidInput, "invalid_version"),
            ({"visibility": "secret"}, InvalidInput, "invalid_input"),
            ({"metadata": Metadata(base="nobody/model")}, Unprocessable, "unknown_base_model"),
            ({"metadata": Metadata(license="free")}, InvalidInput, "invalid_license"),
            ({"metadata": Metadata(languages=["german!"])}, InvalidInput, "invalid_language"),
            ({"files": []}, InvalidInput, "invalid_input"),
            ({"files": [AnnouncedFile("a.txt", -1)]}, InvalidInput, "invalid_input"),
            ({"files": [AnnouncedFile("a.txt", 1), AnnouncedFile("A.txt", 1)]}, InvalidInput, "invalid_input"),
            ({"files": [AnnouncedFile("a", 1), AnnouncedFile("a/b.txt", 1)]}, InvalidInput, "invalid_input"),
            ({"files": [AnnouncedFile("A/b.txt", 1), AnnouncedFile("a", 1)]}, InvalidInput, "invalid_input"),
            ({"files": [AnnouncedFile("a.txt", 1 << 50)]}, TooLarge, "too_large"),
            ({"files": [AnnouncedFile(f"{n}.txt", 1) for n in range(257)]}, TooLarge, "too_large"),
            ({"files": [AnnouncedFile("../a.txt", 1)]}, Unprocessable, "path_refused"),
            ({"files": [AnnouncedFile("adapter_model.bin", 1)]}, Unprocessable, "pickle_refused"),
        ],
    )
    def test_what_is_wrong_is_named(self, owner, wish, kind, code):
        wishes = {"adapter": "lab/ner", "files": announce(lora_files()), "metadata": Metadata()} | wish
        with pytest.raises(kind) as refused:
            open_upload(owner, **wishes)
        assert refused.value.code == code
        assert not Upload.objects.exists()
        assert not Adapter.objects.exists()
        assert bytes_on_disk() == []

    @pytest.mark.parametrize("role", ["reader", None])
    def test_only_writers_push(self, owner, role):
        member = make_user("member")
        make_namespace(owner, "other-lab", **({role: member} if role else {}))
        with pytest.raises(NotPermitted) as refused:
            open_push(member, lora_files(), "other-lab/ner")
        assert refused.value.field == "adapter"

    @pytest.mark.parametrize("name", ["NER", "n.er", "N_ER"])
    def test_a_name_that_differs_only_in_case_or_separators_is_taken(self, owner, name):
        push(owner, adapter="lab/n-er" if name != "NER" else "lab/ner")
        with pytest.raises(Conflict) as refused:
            open_push(owner, lora_files(), f"lab/{name}")
        assert refused.value.code == "name_taken"


class TestParts:
    """Bytes on their way in."""

    def test_a_part_that_was_not_announced_is_refused(self, owner):
        upload = open_push(owner, {"a.txt": b"abc"})
        for index, number in ((1, 1), (0, 2), (0, 0)):
            with pytest.raises(NotFound):
                receive_part(upload, index=index, number=number, chunks=[b"abc"])

    @pytest.mark.parametrize("data", [b"", b"ab", b"abcd"])
    def test_a_part_of_another_size_is_refused_and_may_be_sent_again(self, owner, data):
        upload = open_push(owner, {"a.txt": b"abc"})
        with pytest.raises(Unprocessable) as refused:
            receive_part(upload, index=0, number=1, chunks=[data])
        assert refused.value.code == "size_mismatch"
        assert staged() == []
        assert receive_part(upload, index=0, number=1, chunks=[b"abc"])[0] == 3

    def test_somebody_elses_upload_is_not_there(self, owner):
        upload = open_push(owner, {"a.txt": b"abc"})
        with pytest.raises(NotFound):
            get_upload(make_user("stranger"), upload.pk)


class TestFinishing:
    """The hub hashes every byte itself, and commits once."""

    def test_finishing_twice_answers_the_same_revision(self, owner):
        files = lora_files()
        upload = open_push(owner, files)
        send_all(upload, files)
        first = finish_upload(owner, upload, digests_of(files))
        again = finish_upload(owner, get_upload(owner, upload.pk), digests_of(files))
        assert (first.is_new, again.is_new) == (True, False)
        assert first.revision == again.revision
        assert Revision.objects.count() == Job.objects.count() == 1

    def test_a_request_that_read_the_upload_before_another_committed_it_answers_the_same_too(self, owner):
        files = lora_files()
        upload = open_push(owner, files)
        early = get_upload(owner, upload.pk)
        send_all(upload, files)
        first = finish_upload(owner, upload, digests_of(files))
        assert finish_upload(owner, early, digests_of(files)).revision == first.revision

    def test_a_missing_part_is_named_and_the_upload_stays_open(self, owner):
        files = {"a.txt": b"x" * 9000}
        upload = open_push(owner, files)
        receive_part(upload, index=0, number=2, chunks=[b"x" * 4096])
        with pytest.raises(Conflict, match=r"parts \[1, 3\] of 3") as refused:
            finish_upload(owner, upload, digests_of(files))
        assert refused.value.code == "upload_incomplete"
        send_all(get_upload(owner, upload.pk), files)
        assert finish_upload(owner, get_upload(owner, upload.pk), digests_of(files)).is_new

    def test_a_wrong_digest_drops_that_files_parts_alone_and_the_upload_stays_open(self, owner):
        files = {"a.txt": b"aaa", "b.txt": b"bbb"}
        upload = open_push(owner, files)
        send_all(upload, {"a.txt": b"aaa", "b.txt": b"bXb"})
        with pytest.raises(Unprocessable) as refused:
            finish_upload(owner, upload, digests_of(files))
        assert refused.value.code == "digest_mismatch"
        upload = get_upload(owner, upload.pk)
        assert upload.state == UploadState.OPEN
        received = {file.path: plan_parts(upload, file)[0].is_received for file in upload.files.all()}
        assert received == {"a.txt": True, "b.txt": False}
        assert not Revision.objects.exists()
        receive_part(upload, index=1, number=1, chunks=[b"bbb"])
        assert finish_upload(owner, upload, digests_of(files)).is_new

    @pytest.mark.parametrize("digest", ["", "abc", "A" * 64, "g" * 64, None])
    def test_every_file_needs_a_digest_that_reads_like_one(self, owner, digest):
        upload = open_push(owner, {"a.txt": b"aaa"})
        with pytest.raises(InvalidInput):
            finish_upload(owner, upload, {} if digest is None else {"a.txt": digest})
        with pytest.raises(InvalidInput, match="not announced"):
            finish_upload(owner, upload, digests_of({"a.txt": b"aaa", "b.txt": b""}))

    def test_who_lost_the_role_meanwhile_commits_nothing(self, owner):
        from catalog.accounts.services import remove_member, set_member

        writer = make_user("writer")
        set_member(owner, _lab(), username="writer", role="writer")
        files = lora_files()
        upload = open_push(writer, files)
        send_all(upload, files)
        remove_member(owner, _lab(), username="writer")
        with pytest.raises(NotPermitted):
            finish_upload(writer, upload, digests_of(files))
        assert not Revision.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_of_many_that_finish_at_once_one_commits(self, owner):
        files = lora_files()
        upload = open_push(owner, files)
        send_all(upload, files)
        outcomes = together([lambda: finish_upload(owner, get_upload(owner, upload.pk), digests_of(files))] * 6)
        made = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
        assert all(isinstance(outcome, Busy) for outcome in outcomes if isinstance(outcome, Exception)), outcomes
        assert sum(outcome.is_new for outcome in made) == 1
        assert Revision.objects.count() == Job.objects.count() == 1


class TestOneVersionOneContent:
    """A version means the same files for ever."""

    def test_identical_files_answer_the_published_revision_before_any_byte_is_sent(self, owner):
        files = lora_files()
        published = publish(owner, files, version="1.0.0")
        opened = open_upload(
            owner, adapter="lab/ner", version="1.0.0", files=announce(files, with_digests=True), metadata=Metadata()
        )
        assert opened == published

    def test_without_digests_finish_answers_it(self, owner):
        files = lora_files()
        published = publish(owner, files, version="1.0.0")
        assert push(owner, files, version="1.0.0") == published
        assert Revision.objects.count() == 1

    def test_other_files_are_refused_before_any_byte_is_sent_or_at_finish(self, owner):
        publish(owner, lora_files(), version="1.0.0")
        other = lora_files(seed=2)
        with pytest.raises(Conflict) as early:
            open_upload(
                owner, adapter="lab/ner", version="1.0.0", files=announce(other, with_digests=True), metadata=Metadata()
            )
        with pytest.raises(Conflict) as late:
            push(owner, other, version="1.0.0")
        assert early.value.code == late.value.code == "version_exists"
        assert Revision.objects.count() == 1

    def test_a_version_that_waits_for_review_is_reserved(self, owner):
        push(owner, lora_files(), version="1.0.0")
        with pytest.raises(Conflict) as refused:
            push(owner, lora_files(seed=2), version="1.0.0")
        assert refused.value.code == "version_reserved"

    @pytest.mark.django_db(transaction=True)
    def test_twenty_publishers_of_one_version_make_exactly_one(self, owner):
        uploads = []
        for seed in range(20):
            files = {"README.md": b"%d" % seed}
            upload = open_push(owner, files, version="1.0.0")
            send_all(upload, files)
            uploads.append((upload, digests_of(files)))
        outcomes = together([lambda u=u, d=d: finish_upload(owner, u, d) for u, d in uploads])
        refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert len(refused) == 19
        assert {getattr(error, "code", repr(error)) for error in refused} == {"version_reserved"}
        assert Version.objects.count() == Revision.objects.count() == 1


class TestGivingUp:
    """Bytes that nobody commits go away."""

    def test_an_aborted_upload_leaves_no_bytes_and_takes_no_more(self, owner):
        files = lora_files()
        upload = open_push(owner, files)
        send_all(upload, files)
        assert staged()
        abort_upload(upload)
        assert bytes_on_disk() == []
        upload = get_upload(owner, upload.pk)
        for call in (
            lambda: receive_part(upload, index=0, number=1, chunks=[b""]),
            lambda: abort_upload(upload),
            lambda: finish_upload(owner, upload, digests_of(files)),
        ):
            with pytest.raises(Conflict) as refused:
                call()
            assert refused.value.code == "upload_closed"

    def test_a_committed_upload_cannot_be_aborted(self, owner, store):
        files = lora_files()
        upload = open_push(owner, files)
        early = get_upload(owner, upload.pk)
        send_all(upload, files)
        finish_upload(owner, upload, digests_of(files))
        for read in (early, get_upload(owner, upload.pk)):
            with pytest.raises(Conflict):
                abort_upload(read)
        assert len(list(store.digests())) == 3

    def test_an_upload_that_is_being_finished_keeps_its_bytes(self, owner):
        files = lora_files()
        upload = open_push(owner, files)
        send_all(upload, files)
        Upload.objects.update(state=UploadState.FINISHING, finishing_since=timezone.now())
        with pytest.raises(Conflict):
            abort_upload(upload)
        assert staged()

    @pytest.mark.parametrize("state", [UploadState.OPEN, UploadState.FINISHING])
    def test_what_nobody_finished_in_time_is_dropped(self, owner, state):
        files = lora_files()
        send_all(open_push(owner, files, "lab/fresh"), files)
        old = open_push(owner, files, "lab/old")
        send_all(old, files)
        long_ago = timezone.now() - timedelta(days=2)
        Upload.objects.filter(pk=old.pk).update(state=state, expires_at=long_ago, finishing_since=long_ago)
        assert expire_uploads() == 1
        assert Upload.objects.get(pk=old.pk).state == UploadState.ABORTED
        assert {name.split("/")[1] for name in staged()} == {Upload.objects.get(adapter_name="fresh").pk.hex}
        assert expire_uploads() == 0

    def test_a_finish_that_died_may_be_taken_up_again(self, owner):
        files = lora_files()
        upload = open_push(owner, files)
        send_all(upload, files)
        Upload.objects.update(state=UploadState.FINISHING, finishing_since=timezone.now())
        with pytest.raises(Busy):
            finish_upload(owner, get_upload(owner, upload.pk), digests_of(files))
        Upload.objects.update(finishing_since=timezone.now() - timedelta(hours=1))
        assert finish_upload(owner, get_upload(owner, upload.pk), digests_of(files)).is_new


def _lab():
    from catalog.accounts.models import Namespace

    return Namespace.objects.get(name="lab")
