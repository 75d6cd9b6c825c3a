"""The word index and what is counted beforehand: how texts are cut, who keeps them, what is believed of many."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from catalog import counting
from catalog.evaluations.models import Evaluation, EvaluationSet, SetRevision
from catalog.search import hits as module_of_hits
from catalog.search import totals
from catalog.search.language import parse
from catalog.search.models import EntryScore, FacetCount, SearchEntry, SearchText
from catalog.search.queries import SearchQuery, facets, search
from catalog.search.scores import index_scores_of
from catalog.search.terms import needed
from catalog.search.tokens import label, words_of
from catalog.search.word_index import fill
from catalog.uploads.metadata import Metadata
from tests.unit.catalog.factories import make_base, make_namespace, make_user, publish

ANYBODY = AnonymousUser()


@pytest.fixture
def owner(db):
    counting._remembered.clear()
    owner = make_user("owner")
    make_namespace(owner)
    make_base(owner)
    yield owner
    counting._remembered.clear()


def names(text, limit=20):
    return {row.full_name for row in search(parse(text), ANYBODY, limit=limit).rows}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Lab/NER-de_v2.5", ["lab", "ner", "de", "v2", "5"]),
        ("Résumé Straße", ["resume", "strasse"]),
        ("हिन्दी", ["हिन्दी"]),
        ("東京都 Tokyo", ["東", "京", "都", "tokyo"]),
        ("<b>'); DROP", ["b", "drop"]),
    ],
)
def test_a_text_is_cut_into_folded_words(text, words):
    assert words_of(text) == words


def test_a_label_is_one_word_that_no_text_has():
    assert label("tag", "Court") == "#court"
    assert label("license", "Apache-2.0") == "license=apache-2.0"
    assert " " not in label("tag", "two words")


def test_a_word_is_asked_for_in_its_numbers_and_a_phrase_as_it_is():
    assert needed(parse("decisions")).on_postgresql().count("'decision'") == 1
    assert needed(parse('"court decisions"')).on_sqlite() == '(("court decisions"))'
    assert "'dec''is'" not in needed(parse("dec'is")).on_postgresql()


@pytest.mark.django_db(transaction=True)
def test_the_index_follows_its_texts_and_can_be_made_anew(owner):
    publish(owner, adapter="lab/law", metadata=Metadata(summary="Rulings of courts"))
    assert names("ruling") == {"lab/law"}
    SearchText.objects.update(text=" verdicts ")
    counting._remembered.clear()
    assert (names("ruling"), names("verdict")) == (set(), {"lab/law"})
    fill(connection, is_anew=True)
    assert names("verdict") == {"lab/law"}
    SearchEntry.objects.all().delete()
    assert names("verdict") == set()


def test_what_is_too_frequent_to_collect_is_walked_and_found_all_the_same(owner, monkeypatch):
    for number in range(4):
        publish(owner, adapter=f"lab/run-{number}", metadata=Metadata(summary="Rulings", tags=["legal"]))
    texts = ("rulings", "tag:legal method:lora", "rulings -lab/run-1")
    whole = [names(text, limit=2) for text in texts]
    counting._remembered.clear()
    monkeypatch.setattr(module_of_hits, "MOST_HITS", 2)
    assert [names(text, limit=2) for text in texts] == whole
    assert names("rulings sort:relevance", limit=2) == whole[0]
    assert facets(parse("rulings"), ANYBODY).method[0].count == 4


def test_values_are_counted_before_and_what_only_some_may_see_is_added_for_them(owner, monkeypatch):
    publish(owner, adapter="lab/open", metadata=Metadata(tags=["legal"]))
    publish(owner, adapter="lab/hidden", visibility="private")
    totals.recount()
    assert FacetCount.objects.get(facet="tag", value="legal").count == 1
    monkeypatch.setattr(totals, "SMALL", 0)
    of_everybody, of_owner = facets(parse(""), ANYBODY), facets(parse(""), owner)
    assert (of_everybody.method[0].count, of_owner.method[0].count) == (1, 2)
    assert of_owner.namespace == [type(of_owner.namespace[0])("lab", 2)]
    SearchEntry.objects.filter(full_name="lab/open").delete()
    totals.recount()
    assert not FacetCount.objects.filter(facet="method").exists()


def measured(revision, exam, score, *, base=None):
    metrics = {"accuracy": {"value": score, "higher_is_better": True}}
    return Evaluation.objects.create(
        revision=revision,
        base_model=base or revision.base_model,
        set_revision=exam,
        state="measured",
        score=score,
        metrics=metrics,
        settings={"limit": None},
        measured_at="2026-01-01T00:00:00Z",
    )


def test_scores_on_public_sets_are_sorted_by_and_a_private_set_tells_nobody_anything(owner):
    base = make_base(owner, "tiny/other")
    revisions = {name: publish(owner, adapter=f"lab/{name}") for name in ("good", "better")}
    for revision in revisions.values():
        type(revision).objects.filter(pk=revision.pk).update(base_model=base)
        SearchEntry.objects.filter(revision=revision).update(base_model=base)
        revision.refresh_from_db()
    space = SearchEntry.objects.get(full_name="lab/good").namespace
    exams = {}
    for name, visibility in (("open", "public"), ("closed", "private")):
        own = EvaluationSet.objects.create(namespace=space, name=name, visibility=visibility)
        exams[name] = SetRevision.objects.create(
            evaluation_set=own, number=1, digest=name, harness="generation", metric="accuracy", rows=1, size_bytes=1
        )
    rows = [measured(revisions["good"], exams["open"], 0.6), measured(revisions["better"], exams["open"], 0.8)]
    rows += [measured(revisions["good"], exams["closed"], 0.99), measured(None, exams["open"], 0.5, base=base)]
    index_scores_of(rows)
    shown = search(parse("sort:score"), ANYBODY).rows
    assert [(row.full_name, row.best_score, round(row.gain, 3)) for row in shown] == [
        ("lab/better", 0.8, 0.3),
        ("lab/good", 0.6, 0.1),
    ]
    assert EntryScore.objects.count() == 3
    assert names("gain:>0.2") == {"lab/better"}
    assert names("score:lab/open>=0.7") == {"lab/better"}


def test_an_entry_of_several_domains_counts_for_each(owner):
    publish(owner, metadata=Metadata(tags=["legal", "finance"]))
    publish(owner, adapter="lab/court", metadata=Metadata(tags=["legal"]))
    publish(owner, adapter="lab/secret", metadata=Metadata(tags=["legal"]), visibility="private")
    assert totals.count_domains() == {"legal": 2, "finance": 1}


def test_older_entries_get_the_labels_of_every_domain(owner):
    publish(owner, metadata=Metadata(task="stance", tags=["legal", "finance"]))
    SearchText.objects.update(labels=" method=lora ")
    for domain in ("legal", "finance", "news"):
        assert search(SearchQuery(domain=domain), owner).rows == []
    module = import_module("catalog.search.migrations.0018_labels_of_every_domain")
    module.label_domains(apps, None)
    for domain in ("legal", "finance", "news"):
        assert [row.full_name for row in search(SearchQuery(domain=domain), owner).rows] == ["lab/ner"], domain
