"""A hub that was filled before there was a word index gets one: nothing is lost, and everything is found."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from catalog.search.models import SearchText
from catalog.search.queries import SearchQuery, search
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.catalog.measuring import publish_for

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="the index of SQLite is one with its texts"),
]
TRIGGERS = ("search_terms_made", "search_terms_gone", "search_terms_changed")


def test_texts_without_an_index_are_cut_anew_and_found():
    owner = make_user("owner")
    make_namespace(owner)
    publish_for(make_base(owner), owner, version="1.0.0")
    migration = import_module("catalog.search.migrations.0012_fill_word_index")
    editor = SimpleNamespace(connection=connection)
    with connection.cursor() as cursor:
        for name in TRIGGERS:
            cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute("DROP TABLE search_terms")
    SearchText.objects.update(head="", text="lab/ner as it was written before")
    migration.make(apps, editor)
    migration.cut_words(apps, editor)
    migration.fill_index(apps, editor)
    found = search(SearchQuery(text="ner"), AnonymousUser())
    assert [row.full_name for row in found.rows] == ["lab/ner"]
