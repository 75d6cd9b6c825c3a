"""AdapterHub's entries become records: the same again changes nothing, dirt is read with a note, nothing vanishes."""

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command

from catalog.bases.services import register_base
from catalog.errors import InvalidInput, NotFound, NotPermitted
from catalog.records.files import entries_in
from catalog.records.importing import Report, import_entries
from catalog.records.models import Record
from catalog.records.queries import find_records, get_record
from catalog.records.services import restore_record, withdraw_record
from catalog.search.queries import SearchQuery, search
from tests.unit.catalog.factories import make_base, make_user

pytestmark = pytest.mark.django_db
NOBODY = AnonymousUser()
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "adapterhub_entries.jsonl"
ENTRY = {
    "id": "ukp/bert_ner_de",
    "org": "ukp",
    "name": "bert_ner_de",
    "source": "ah",
    "base_model": "bert-base-uncased",
    "model_type": "bert",
    "adapter_type": "text_task",
    "task": "ner",
    "subtask": "conll2003",
    "method": "pfeiffer",
    "config": {"using": "pfeiffer", "non_linearity": "relu", "reduction_factor": 16},
    "prediction_head": True,
    "description": "Finds names. Trained for five epochs.",
    "author": "Somebody",
    "email_present": True,
    "author_url": "https://example.org/",
    "citation": "@misc{x}",
    "dependencies": [{"key": "en/wiki@ukp", "description": "below it"}],
    "default_version": "2",
    "versions": [
        {"version": "1", "url": "https://example.org/1.zip", "sha1": "a" * 40, "sha256": "b" * 64},
        {"version": "2", "url": "https://example.org/2.zip", "sha1": "c" * 40, "sha256": "d" * 64, "score": 84.93},
    ],
    "license": None,
    "hub_file": "adapters/ukp/bert_ner_de.yaml",
}
YAML = """\
type: text_task
task: ner
subtask: conll2003
model_type: bert
model_name: bert-base-uncased
config:
  using: pfeiffer
  non_linearity: relu
  reduction_factor: 16
prediction_head: true
author: Somebody
email: somebody@example.org
url: https://example.org/
description: Finds names. Trained for five epochs.
citation: '@misc{x}'
default_version: "2"
files:
  - version: "1"
    url: https://example.org/1.zip
    sha1: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    sha256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
  - version: 2
    url: https://example.org/2.zip
    sha1: cccccccccccccccccccccccccccccccccccccccc
    sha256: dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
    score: 84.93
dependencies:
  - key: en/wiki@ukp
    description: below it
"""


def lines(folder: Path, *rows: object, name: str = "entries.jsonl") -> Path:
    """A file of JSON lines; bytes are written as they are."""
    made = folder / name
    made.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return made


def imported(folder: Path, **changed: object) -> tuple[Record, set[str]]:
    """The record of one entry with other values, and the codes of its notes."""
    report = import_entries(lines(folder, {**ENTRY, **changed}))
    assert (report.taken, report.refused) == (1, [])
    record = Record.objects.get()
    return record, {note["code"] for note in record.notes}


def test_an_entry_says_the_same_here_in_this_hubs_words(tmp_path):
    record, notes = imported(tmp_path)
    assert notes == set()
    assert (record.full_name, record.method, record.task) == (
        "adapterhub/ukp/bert_ner_de",
        "bottleneck-pfeiffer",
        "ner",
    )
    assert (record.base_name, record.architecture, record.summary) == ("bert-base-uncased", "bert", "Finds names.")
    assert record.link.endswith("/adapters/ukp/bert_ner_de.yaml")
    assert record.claims["method"] == "pfeiffer"
    assert record.claims["dependencies"] == [{"key": "en/wiki@ukp", "description": "below it"}]
    assert [(row.name, row.url, row.score) for row in record.versions.all()] == [
        ("1", "https://example.org/1.zip", None),
        ("2", "https://example.org/2.zip", 84.93),
    ]


def test_the_same_entries_again_change_nothing_and_other_words_change_the_record(tmp_path):
    file = lines(tmp_path, ENTRY)
    assert import_entries(file).created == 1
    before = Record.objects.values().get()
    again = import_entries(file)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 1)
    assert Record.objects.values().get() == before
    other = import_entries(lines(tmp_path, {**ENTRY, "description": "Better."}))
    assert (other.created, other.updated) == (0, 1)
    assert Record.objects.get().versions.count() == 2


def test_yaml_and_json_lines_of_one_entry_are_one_record(tmp_path):
    folder = tmp_path / "adapters" / "ukp"
    folder.mkdir(parents=True)
    (folder / "bert_ner_de.yaml").write_text(YAML)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "ner.yaml").write_text("displayname: NER")
    report = import_entries(tmp_path)
    assert (report.created, report.refused) == (1, [])
    record = Record.objects.get()
    assert "example.org" not in json.dumps(record.claims).replace("https://example.org/", ""), (
        "no e-mail address is kept"
    )
    again = import_entries(lines(tmp_path, ENTRY))
    assert (again.unchanged, again.updated) == (1, 0), Record.objects.values().get()


ODD = [
    ({"task": 'text-classification"', "subtask": None}, {"task": "text-classification"}, {"word_rewritten"}),
    ({"task": "levitation"}, {"task": "levitation"}, {"task_unknown"}),
    ({"adapter_type": "text_lang", "task": "zh_yue"}, {"task": "language-modeling", "languages": ["yue"]}, set()),
    ({"adapter_type": "text_lang", "task": "qqqq"}, {"languages": []}, {"language_unknown"}),
    ({"task": "wikiann", "subtask": "ar"}, {"task": "ner", "languages": ["ar"]}, set()),
    ({"method": "of-tomorrow", "config": {}}, {"method": "of-tomorrow"}, {"method_unknown"}),
    ({"method": None, "config": "houlsby"}, {"method": "bottleneck-houlsby"}, set()),
    ({"config": {"using": "pfeiffer", "reduction_factor": 2.0}}, {}, {"whole_number"}),
    ({"config": {"using": "pfeiffer", "reduction_factor": "many"}}, {}, {"odd_number"}),
    ({"config": ["pfeiffer"]}, {}, {"not_a_mapping"}),
    ({"default_version": "9"}, {"default_version": "1"}, {"no_such_version"}),
    ({"default_version": 2}, {"default_version": "2"}, set()),
    ({"versions": []}, {}, {"no_versions"}),
    ({"versions": None}, {}, {"no_versions"}),
    ({"description": None}, {"summary": "Named entity recognition for bert-base-uncased"}, set()),
    ({"description": ["a", "b"]}, {"description": "a, b"}, {"list_joined"}),
    ({"description": "x" * 30_000}, {}, {"cut"}),
    ({"description": "Ask me@example.org"}, {"description": "Ask"}, {"email_left_out"}),
    ({"author": {"name": "Somebody"}}, {}, {"not_text"}),
    ({"author_email": "me@example.org"}, {}, {"email_left_out"}),
    ({"license": "apache-2.0"}, {"license": "Apache-2.0"}, set()),
    ({"license": "free beer"}, {"license": ""}, {"licence_unknown"}),
    ({"languages": ["German", "xx!"]}, {"languages": ["de"]}, {"language_unknown"}),
    ({"author_url": "javascript:alert(1)"}, {}, {"not_a_web_address"}),
    ({"stars": 7}, {}, {"field_unknown"}),
    ({"hub_file": "../../etc/passwd"}, {"link": ""}, set()),
    ({"id": "ukp/with blanks"}, {}, {"id_rewritten"}),
    ({"id": "../../admin"}, {}, {"id_rewritten"}),
    ({"id": "x" * 400}, {}, {"id_rewritten"}),
    ({"id": "///"}, {"path": "ukp/bert_ner_de"}, set()),
    ({"base_model": None, "task": None}, {"base_name": "", "task": ""}, set()),
    ({"source": "hf", "id": "somebody/thing"}, {"link": "https://huggingface.co/somebody/thing"}, set()),
]


@pytest.mark.parametrize(("changed", "columns", "codes"), ODD, ids=[str(row[0])[:40] for row in ODD])
def test_an_odd_value_is_taken_and_noted(tmp_path, changed, columns, codes):
    record, notes = imported(tmp_path, **changed)
    assert {name: getattr(record, name) for name in columns} == columns
    assert notes == codes


ODD_VERSIONS = [
    ({"version": None}, {"name": "1"}, {"version_unnamed"}),
    ({"url": "ftp://example.org/1.zip"}, {"url": ""}, {"not_a_web_address"}),
    ({"url": "javascript:alert(1)"}, {"url": ""}, {"not_a_web_address"}),
    ({"url": "http://[broken"}, {"url": ""}, {"not_a_web_address"}),
    ({"sha256": "zz"}, {"sha256": ""}, {"not_a_digest"}),
    ({"sha256": None, "sha1": ""}, {"sha256": ""}, {"no_digest"}),
    ({"score": "84,93 %"}, {"score": 84.93}, {"number_read"}),
    ({"score": "good"}, {"score": None}, {"not_a_number"}),
    ({"score": float("nan")}, {"score": None}, {"not_a_number"}),
]


@pytest.mark.parametrize(("changed", "columns", "codes"), ODD_VERSIONS, ids=[str(row[0]) for row in ODD_VERSIONS])
def test_an_odd_version_is_taken_and_noted(tmp_path, changed, columns, codes):
    record, notes = imported(tmp_path, versions=[{**ENTRY["versions"][0], **changed}], default_version="1")
    version = record.versions.get()
    assert {name: getattr(version, name) for name in columns} == columns
    assert codes <= notes


REFUSED = [
    (b"{not json", "not_json"),
    (b"[" * 200_000, "not_json"),
    (b'{"id": "\xff\xfe"}', "not_utf8"),
    (b"[]", "not_an_entry"),
    (b"7", "not_an_entry"),
    (b"{}", "not_an_entry"),
    (b'{"id": "only/a-name"}', "not_an_entry"),
    (b'{"task": "ner"}', "no_id"),
    (b'{"id": "///", "task": "ner", "org": ".."}', "no_id"),
    (json.dumps({**ENTRY, "id": "a/b", "notes": "x" * 500_000}).encode(), "too_large"),
    (b"x" * (5 << 20), "too_large"),
]


@pytest.mark.parametrize(("row", "code"), REFUSED, ids=[f"{code}-{at}" for at, (_, code) in enumerate(REFUSED)])
def test_a_row_that_cannot_be_taken_is_named_and_stops_no_other(tmp_path, row, code):
    report = import_entries(lines(tmp_path, row, ENTRY))
    assert [(refused.where, refused.code) for refused in report.refused] == [("entries.jsonl:1", code)]
    assert report.created == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("type: [", "not_yaml"),
        ("- a\n- b", "not_an_entry"),
        ("a: &a [x, x]\nb: [*a, *a]", "not_yaml"),
        ("!!python/object/apply:os.system ['true']", "not_an_entry"),
        ("task: !!python/name:os.system ner", None),
        ("\0", "not_yaml"),
    ],
)
def test_yaml_makes_plain_values_and_nothing_else(tmp_path, text, code):
    (tmp_path / "odd.yaml").write_text(text)
    report = import_entries(tmp_path)
    assert [refused.code for refused in report.refused] == ([code] if code else [])


def test_two_rows_with_one_id_do_not_change_each_other_at_every_import(tmp_path):
    file = lines(tmp_path, ENTRY, ENTRY, {**ENTRY, "description": "Another."})
    report = import_entries(file)
    assert (report.created, report.unchanged, [row.code for row in report.refused]) == (1, 1, ["duplicate_id"])
    assert import_entries(file).updated == 0


def test_a_list_in_a_line_and_a_mapping_in_a_file_are_many_entries(tmp_path):
    other = {**ENTRY, "id": "ukp/other"}
    report = import_entries(lines(tmp_path, [ENTRY, other, 7]))
    assert (report.created, [row.where for row in report.refused]) == (2, ["entries.jsonl:1[2]"])
    unnamed = {key: value for key, value in ENTRY.items() if key not in ("id", "org", "name")}
    (tmp_path / "all.json").write_text(json.dumps({"ukp/third": unnamed, "ukp/fourth": unnamed}))
    assert import_entries(tmp_path / "all.json").created == 2


def test_a_dry_run_keeps_nothing(tmp_path):
    report = import_entries(lines(tmp_path, ENTRY), is_dry_run=True)
    assert (report.created, Record.objects.count()) == (1, 0)


def test_a_record_is_found_like_an_adapter_and_says_that_it_is_elsewhere(tmp_path):
    imported(tmp_path, task="wikiann", subtask="ar")
    for query in (
        SearchQuery(task="Named entity recognition"),
        SearchQuery(method="bottleneck-pfeiffer"),
        SearchQuery(language="ar"),
        SearchQuery(marks=("elsewhere",)),
        SearchQuery(text="ukp names"),
        SearchQuery(architecture="bert"),
        SearchQuery(modality="text"),
    ):
        found = search(query, NOBODY).rows
        assert [(row.full_name, row.is_elsewhere) for row in found] == [("adapterhub/ukp/bert_ner_de", True)], query


def test_a_record_belongs_to_a_base_model_of_that_name_once_it_is_registered(tmp_path):
    file = lines(tmp_path, {**ENTRY, "base_model": "tiny/llama"})
    import_entries(file)
    assert search(SearchQuery(base="tiny/llama"), NOBODY).rows == []
    make_base(make_user("admin", is_admin=True), "tiny/llama")
    import_entries(file)
    assert [row.base_name for row in search(SearchQuery(base="tiny/llama"), NOBODY).rows] == ["tiny/llama"]


def test_what_an_administrator_takes_out_is_gone_from_the_search_and_stays_out(tmp_path):
    record, _ = imported(tmp_path)
    admin, somebody = make_user("admin", is_admin=True), make_user("somebody")
    with pytest.raises(NotPermitted):
        withdraw_record(somebody, record, reason="I want to")
    with pytest.raises(InvalidInput):
        withdraw_record(admin, record, reason=" ")
    withdraw_record(admin, record, reason="its author asked")
    import_entries(lines(tmp_path, {**ENTRY, "description": "Other words."}))
    assert search(SearchQuery(), NOBODY).rows == []
    with pytest.raises(NotFound) as refused:
        get_record(NOBODY, record.full_name)
    assert refused.value.code == "record_not_found"
    restore_record(admin, Record.objects.get())
    assert len(search(SearchQuery(), NOBODY).rows) == 1


def test_a_record_is_found_by_the_digest_of_a_file(tmp_path):
    record, _ = imported(tmp_path)
    assert list(find_records(NOBODY, digest="d" * 64)) == [record]
    assert list(find_records(NOBODY, digest="A" * 40)) == [record]
    assert list(find_records(NOBODY, digest="e" * 64)) == []


def test_the_command_says_what_came_of_it(tmp_path, capsys):
    call_command(
        "import_adapterhub", str(lines(tmp_path, ENTRY, b"{oops", {**ENTRY, "id": "a/b", "task": "levitation"}))
    )
    told = capsys.readouterr().out
    assert "2 records kept: 2 new, 0 changed, 0 as they were" in told
    assert "entries.jsonl:2: not_json" in told
    assert "note task_unknown: 1" in told
    with pytest.raises(CommandError, match="there is no"):
        call_command("import_adapterhub", str(tmp_path / "absent"))
    with pytest.raises(CommandError, match="none could be taken"):
        call_command("import_adapterhub", str(lines(tmp_path, b"{oops", name="bad.jsonl")))


@pytest.mark.literature("AdapterHub")
@pytest.mark.skipif(not REAL.is_file(), reason="the real entries are not on this machine")
def test_every_real_entry_of_adapterhub_becomes_a_record():
    report: Report = import_entries(REAL)
    assert report.refused == []
    assert report.created == sum(1 for _ in entries_in(REAL))
    notes = report.note_counts()
    assert set(notes) == {"whole_number", "method_unknown"}
    assert not Record.objects.filter(method="").exists()
    assert not Record.objects.filter(task="").exists()
    most = max(Record.objects.all(), key=lambda record: record.versions.count())
    assert most.versions.count() == 141


def found_for(base: str) -> list[str]:
    return [row.full_name for row in search(SearchQuery(base=base), NOBODY).rows]


def test_a_record_is_found_by_its_base_model_as_soon_as_that_is_registered(tmp_path):
    import_entries(lines(tmp_path, ENTRY, {**ENTRY, "id": "ukp/other", "name": "other", "base_model": "gpt2"}))
    admin = make_user("admin", is_admin=True)
    assert found_for("bert-base-uncased") == []
    make_base(admin, "google-bert/bert-base-uncased")
    assert found_for("bert-base-uncased") == ["adapterhub/ukp/bert_ner_de"], "by the last part of its id"
    make_base(admin, "tiny/llama")
    assert found_for("tiny/llama") == []


def test_a_record_is_found_by_a_base_model_as_soon_as_an_alias_says_so(tmp_path):
    import_entries(lines(tmp_path, {**ENTRY, "base_model": "Old-BERT"}))
    admin = make_user("admin", is_admin=True)
    base = make_base(admin, "lab/bert")
    assert found_for("lab/bert") == []
    register_base(admin, name=base.name, config={}, aliases=["old-bert"])
    assert found_for("lab/bert") == ["adapterhub/ukp/bert_ner_de"]


def test_a_short_name_that_two_base_models_bear_means_neither(tmp_path):
    import_entries(lines(tmp_path, {**ENTRY, "base_model": "bert"}))
    admin = make_user("admin", is_admin=True)
    make_base(admin, "lab/bert")
    assert found_for("lab/bert") == ["adapterhub/ukp/bert_ner_de"]
    make_base(admin, "rivals/bert")
    assert found_for("lab/bert") == found_for("rivals/bert") == []


def test_what_was_taken_out_does_not_come_back_with_its_base_model(tmp_path):
    record, _ = imported(tmp_path)
    admin = make_user("admin", is_admin=True)
    withdraw_record(admin, record, reason="Asked for.")
    make_base(admin, "google-bert/bert-base-uncased")
    assert found_for("bert-base-uncased") == []
