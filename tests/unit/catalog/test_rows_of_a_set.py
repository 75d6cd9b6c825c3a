"""Single rows come out of a set's file as they went in, whatever the lines hold."""

import pytest

from catalog.evaluations.models import SetFile
from catalog.evaluations.rows import rows_at
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.catalog.measuring import make_set, stored


@pytest.fixture
def films(db):
    return make_set(make_namespace(make_user("owner")))


def put(films, path, data):
    SetFile.objects.create(revision=films, split="test", path=path, blob=stored(data))


def test_rows_are_counted_as_the_harness_counts_them(films):
    odd = "a\u2028b\x85c"
    lines = ['\ufeff{"text": "first"}', "", f'{{"text": "{odd}"}}', "no json", '{"text": "last"}']
    put(films, "test.jsonl", "\n".join(lines).encode())
    assert rows_at(films, [0, 1, 3]) == {0: {"text": "first"}, 1: {"text": odd}, 3: {"text": "last"}}
    assert rows_at(films, [2, 99]) == {}
    assert rows_at(films, []) == {}


def test_a_cell_of_csv_may_hold_lines(films):
    put(films, "test.csv", '\ufefftext,label\r\n"one\r\ntwo",x\r\nthree,y\r\n'.encode())
    assert rows_at(films, [0, 1]) == {0: {"text": "one\r\ntwo", "label": "x"}, 1: {"text": "three", "label": "y"}}


def test_long_texts_are_cut(films):
    put(films, "test.jsonl", ('{"text": "' + "x" * 5000 + '"}').encode())
    assert len(rows_at(films, [0])[0]["text"]) == 601


def test_a_set_without_an_answered_split_has_no_rows_to_show(films):
    assert rows_at(films, [0]) == {}
