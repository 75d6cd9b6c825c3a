"""Sets from forms and folders: what a manifest says, how rows are read, and what is never taken."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.accounts.services import set_member
from catalog.adapters.models import Blob
from catalog.errors import Conflict, DomainError, InvalidInput, NotFound, NotPermitted
from catalog.evaluations.manifests import read_manifest
from catalog.evaluations.models import EvaluationSet, SetRevision
from catalog.evaluations.queries import find_sets, get_set_revision
from catalog.evaluations.sets import add_revision, create_set
from catalog.reviews.models import AuditEvent
from tests.unit.catalog.evaluating import MANIFEST, ROWS, json_lines, make_set, sent
from tests.unit.catalog.factories import make_namespace, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


def write_folder(folder: Path, **manifest) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "set.json").write_text(json.dumps({**MANIFEST, "summary": "moods", **manifest}))
    (folder / "test.jsonl").write_bytes(json_lines(ROWS))
    (folder / "train.csv").write_text('text,label\n"a, b",positive\nc,negative\n')
    (folder / "README.md").write_text("where it comes from")
    return folder


def registered(*arguments: str) -> str:
    out = io.StringIO()
    call_command("register_set", *arguments, stdout=out)
    return out.getvalue()


class TestAFolder:
    def test_is_registered_once_and_again_only_with_other_rows(self, owner, tmp_path):
        folder = write_folder(tmp_path / "mood")
        assert "lab/mood@1 registered: 6 rows" in registered(str(folder), "lab/mood")
        assert "lab/mood@1 is there already" in registered(str(folder), "lab/mood")
        (folder / "test.jsonl").write_bytes(json_lines(ROWS[:4]))
        assert "lab/mood@2 registered: 4 rows" in registered(str(folder), "lab/mood")
        revision = get_set_revision(owner, "lab/mood@1")
        assert [(file.split, file.path) for file in revision.files.all()] == [
            ("test", "test.jsonl"),
            ("train", "train.csv"),
        ]
        assert revision.created_by == owner
        assert revision.evaluation_set.summary == "moods"

    def test_may_be_private_and_hidden_and_stays_so(self, owner, tmp_path):
        folder = write_folder(tmp_path / "mood")
        registered(str(folder), "lab/mood", "--private", "--hidden")
        revision = SetRevision.objects.get()
        assert (revision.evaluation_set.visibility, revision.is_hidden) == ("private", True)
        with pytest.raises(CommandError, match="private already"):
            registered(str(folder), "lab/mood", "--hidden")
        with pytest.raises(CommandError, match="set_exists"):
            registered(str(folder), "lab/mood", "--private")

    @pytest.mark.parametrize("name", ["../secret.jsonl", "link.jsonl", "gone.jsonl", "sub/test.jsonl"])
    def test_names_no_file_outside_itself(self, owner, tmp_path, name):
        (tmp_path / "secret.jsonl").write_bytes(json_lines(ROWS))
        folder = write_folder(tmp_path / "mood", files={"test": name})
        (folder / "sub").mkdir()
        (folder / "sub" / "test.jsonl").write_bytes(json_lines(ROWS))
        (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
        with pytest.raises(CommandError):
            registered(str(folder), "lab/mood")
        assert not Blob.objects.exists()

    @pytest.mark.parametrize("text", ["", "[]", "{", "{" * 5000, '{"harness": 3}'])
    def test_without_a_usable_manifest_is_refused(self, owner, tmp_path, text):
        folder = write_folder(tmp_path / "mood")
        (folder / "set.json").write_text(text)
        with pytest.raises(CommandError):
            registered(str(folder), "lab/mood")

    def test_needs_a_namespace_with_an_owner(self, owner, tmp_path):
        folder = write_folder(tmp_path / "mood")
        for arguments in (("nobody/mood",), ("lab/mood", "--user", "nobody")):
            with pytest.raises(CommandError):
                registered(str(folder), *arguments)
        with pytest.raises(CommandError, match="not_permitted"):
            registered(str(folder), "lab/mood", "--user", make_user("stranger").username)


class TestRows:
    def test_a_label_may_count_the_manifests_labels(self, owner):
        rows = [{"text": "a", "label": 0}, {"text": "b", "label": 1}]
        assert make_set(owner, files={"test": json_lines(rows)}).labels == ["negative", "positive"]
        with pytest.raises(DomainError, match="labels_do_not_fit"):
            make_set(owner, "lab/other", files={"test": json_lines([*rows, {"text": "c", "label": 2}])})
        assert make_set(owner, "lab/bare", labels=[], files={"test": json_lines(rows)}).labels == ["0", "1"]

    def test_labels_that_nobody_named_are_those_that_occur_in_any_split(self, owner):
        train = json_lines([{"text": "x", "label": "mixed"}])
        made = make_set(owner, labels=[], files={"test": json_lines(ROWS), "train": train})
        assert made.labels == ["mixed", "negative", "positive"]

    def test_tags_are_lists_or_words_as_many_as_tokens(self, owner):
        manifest = {"harness": "token_classification", "metric": "f1", "columns": {"tokens": "words"}, "labels": []}
        rows = [{"words": ["Ada", "sang"], "tags": ["B-PER", "O"]}, {"words": "in Rome", "tags": "O B-LOC"}]
        assert make_set(owner, files={"test": json_lines(rows)}, **manifest).labels == ["B-LOC", "B-PER", "O"]
        broken = json_lines([{"words": ["Ada"], "tags": ["O", "O"]}])
        with pytest.raises(DomainError, match="1 tokens and 2 tags"):
            make_set(owner, "lab/other", files={"test": broken}, **manifest)

    def test_a_byte_order_mark_and_blank_lines_do_no_harm(self, owner):
        lines = b"\xef\xbb\xbf" + json_lines(ROWS).replace(b"\n", b"\r\n\r\n")
        assert make_set(owner, files={"test": lines}).rows == 6

    def test_the_digest_covers_rows_and_manifest_and_not_the_file_names(self, owner):
        files = {"test": json_lines(ROWS)}
        first = make_set(owner, files=files)
        of, manifest = first.evaluation_set, read_manifest(MANIFEST)
        again = add_revision(owner, of, manifest, {"test": sent(files["test"], "other.jsonl")})
        assert (again.is_new, again.revision) == (False, first)
        digests = {first.digest}
        for change in (
            {"metric": "mcc"},
            {"template": "{{ text }}"},
            {"options": {"shots": 1}},
            {"labels": ["positive", "negative"]},
        ):
            digests.add(make_set(owner, files=files, **change).digest)
        digests.add(make_set(owner, files={"test": files["test"] + json_lines(ROWS[:1])}).digest)
        digests.add(make_set(owner, files={**files, "train": files["test"]}).digest)
        assert len(digests) == 7
        assert len({revision.number for revision in of.revisions.all()}) == 7

    def test_the_store_keeps_the_bytes_as_they_came(self, owner, store):
        revision = make_set(owner)
        file = revision.files.get(split="test")
        assert b"".join(store.read(file.blob_id)) == json_lines(ROWS)
        assert list(store.staged()) == []
        assert revision.size_bytes == sum(file.blob.size_bytes for file in revision.files.all())


class TestNames:
    def test_two_names_that_fold_alike_are_one(self, owner):
        make_set(owner, "lab/my-mood")
        with pytest.raises(Conflict) as refused:
            create_set(owner, full_name="lab/My_Mood")
        assert refused.value.code == "name_taken"
        assert str(get_set_revision(owner, "LAB/my.mood")) == "lab/my-mood@1"

    @pytest.mark.parametrize(("name", "error"), [("lab/a b", InvalidInput), ("lab", InvalidInput), ("x/y", NotFound)])
    def test_odd_names_are_refused(self, owner, name, error):
        with pytest.raises(error):
            create_set(owner, full_name=name)

    def test_only_writers_make_sets_and_add_rows(self, owner):
        reader = make_user("reader")
        revision = make_set(owner)
        set_member(owner, revision.evaluation_set.namespace, username="reader", role="reader")
        with pytest.raises(NotPermitted):
            create_set(reader, full_name="lab/other")
        with pytest.raises(NotPermitted):
            add_revision(reader, revision.evaluation_set, read_manifest(MANIFEST), {"test": sent(json_lines(ROWS))})
        assert EvaluationSet.objects.count() == 1
        assert list(
            AuditEvent.objects.filter(subject__contains="/").order_by("pk").values_list("action", flat=True)
        ) == ["create", "add_rows"]


def test_sets_are_found_by_words_harness_task_and_language(owner):
    make_set(owner, "lab/mood", languages=["de", "fr-CA"])
    make_set(owner, "lab/intent", task="intent", languages=["en"])
    stranger = make_user("stranger")
    make_set(owner, "lab/secret", visibility="private")

    def names(actor=stranger, **wanted) -> list[str]:
        return [found.name for found in find_sets(actor, **wanted)]

    assert names() == ["intent", "mood"]
    assert names(owner) == ["intent", "mood", "secret"]
    assert names(text="MOO") == ["mood"]
    assert names(task="intent") == ["intent"]
    assert names(language="fr-CA") == ["mood"]
    assert names(language="fr") == []
    assert names(harness="embeddings") == []
    assert names(namespace="Lab", language="en") == ["intent"]
