"""Boards hold measured scores alone: the newest of each published version, the base beside, and gaps as gaps."""

import pytest
from django.contrib.auth.models import AnonymousUser

from catalog.adapters.models import Revision
from catalog.evaluations.boards import leaders, matrix
from catalog.evaluations.models import Evaluation
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.catalog.measuring import make_set, measure, publish_for

STRANGER = AnonymousUser()


@pytest.fixture
def owner(db):
    return make_user("owner")


@pytest.fixture
def base(owner):
    make_namespace(owner)
    return make_base(owner)


@pytest.fixture
def films(owner, base):
    return make_set(make_namespace(owner, "sets"))


@pytest.fixture
def push(owner, base):
    """A function that publishes one version of an adapter for the base."""

    def made(name: str = "lab/ner", version: str = "1.0.0", seed: int = 1) -> Revision:
        return publish_for(base, owner, name, version=version, seed=seed)

    return made


def names(board):
    return [(row.place, str(row.evaluation.revision.version), row.evaluation.score) for row in board.rows]


def test_each_published_version_is_listed_once_with_its_newest_score(push, films):
    first, second = push(), push(version="1.1.0", seed=2)
    measure(first, films, [1, 1, 1, 1], days_ago=2)
    measure(first, films, [1, 1, 0, 0], days_ago=1)
    measure(second, films, [1, 1, 1, 0])
    assert names(leaders(STRANGER, films)) == [(1, "lab/ner@1.1.0", 0.75), (2, "lab/ner@1.0.0", 0.5)]


def test_the_base_models_own_score_stands_beside(push, films, base):
    measure(push(), films, [1, 1, 1, 0])
    alone = measure(None, films, [1, 0, 0, 0], base=base, cause="baseline")
    board = leaders(STRANGER, films)
    assert (board.rows[0].base, board.rows[0].gain) == (alone, 0.5)
    assert board.bases == [alone]


def test_what_waits_or_failed_and_what_saw_only_some_rows_is_no_rival(push, films):
    revision = push()
    measure(revision, films, [1, 0, 0, 0], days_ago=1)
    measure(revision, films, [1, 1], settings={"limit": 2})
    Evaluation.objects.create(revision=revision, base_model=revision.base_model, set_revision=films, state="failed")
    assert names(leaders(STRANGER, films)) == [(1, "lab/ner@1.0.0", 0.25)]


def test_claims_are_never_on_a_board(owner, push, films):
    revision = push()
    revision.claims = {"card": {"model-index": [{"results": [{"metrics": [{"type": "accuracy", "value": 0.99}]}]}]}}
    revision.save()
    assert leaders(owner, films).rows == []


def test_equal_scores_share_a_place(push, films):
    for name in ("lab/a", "lab/b"):
        measure(push(name), films, [1, 1, 1, 0])
    measure(push("lab/c"), films, [1, 0, 0, 0])
    assert [row.place for row in leaders(STRANGER, films).rows] == [1, 1, 3]


def test_where_less_is_better_the_lowest_leads(push, base, films):
    ppl = make_set(films.evaluation_set.namespace, "prose", metric="perplexity")
    assert not leaders(STRANGER, ppl).is_higher_better, "known before anything is measured"
    measure(push("lab/a"), ppl, [], score=12.5, high=13.0, higher_is_better=False)
    measure(push("lab/b"), ppl, [], score=9.5, high=10.0, higher_is_better=False)
    board = leaders(STRANGER, ppl)
    assert not board.is_higher_better
    assert [row.evaluation.score for row in board.rows] == [9.5, 12.5]


def test_a_board_is_cut_and_says_so(push, films):
    for at in range(3):
        measure(push(f"lab/a{at}"), films, [1, 0, 0, 0])
    board = leaders(STRANGER, films, most=2)
    assert (len(board.rows), board.is_whole) == (2, False)


def test_pending_and_private_versions_are_on_no_strangers_board(owner, push, films):
    revision = push()
    measure(revision, films, [1, 1, 1, 1])
    revision.adapter.visibility = "private"
    revision.adapter.save()
    assert leaders(STRANGER, films).rows == []
    assert len(leaders(owner, films).rows) == 1
    revision.state = "pending"
    revision.save()
    assert leaders(owner, films).rows == []


def test_a_board_may_be_of_one_base_model_and_one_task(owner, push, films, base):
    measure(push(), films, [1, 1, 1, 1])
    other = make_base(owner, "tiny/bert")
    assert leaders(STRANGER, films, base=other).rows == []
    assert len(leaders(STRANGER, films, base=base).rows) == 1
    assert leaders(STRANGER, films, task="summarization").rows == []


def test_the_matrix_shows_gaps_as_gaps(push, films, base):
    news = make_set(films.evaluation_set.namespace, "news", task="text-classification")
    first, second = push("lab/a"), push("lab/b", seed=2)
    measure(first, films, [1, 1, 1, 1])
    measure(first, news, [1, 0, 0, 0])
    measure(second, news, [1, 1, 0, 0])
    alone = measure(None, news, [0, 0, 0, 0], base=base, cause="baseline")
    found = matrix(STRANGER, base)
    assert [str(revision) for revision in found.sets] == ["sets/films@1", "sets/news@1"]
    shown = {row.entry.full_name: [cell and cell.score for cell in row.cells] for row in found.rows}
    assert shown == {"lab/a": [1.0, 0.25], "lab/b": [None, 0.5]}
    assert (found.gaps, found.base) == (1, [None, alone])
    assert [[is_best for _, is_best in row.marked] for row in found.rows] == [[True, False], [False, True]]


def test_sets_that_only_others_private_adapters_were_measured_on_are_no_columns(owner, push, films, base):
    revision = push()
    measure(revision, films, [1, 1, 1, 1])
    revision.adapter.visibility = "private"
    revision.adapter.save()
    assert matrix(STRANGER, base).sets == []
    assert len(matrix(owner, base).sets) == 1


def test_boards_ask_few_questions_however_long_they_are(push, films, base, django_assert_max_num_queries):
    for at in range(5):
        measure(push(f"lab/a{at}"), films, [1, 0, 0, 0])
    with django_assert_max_num_queries(4):
        board = leaders(STRANGER, films)
        assert [row.evaluation.revision.adapter.full_name for row in board.rows]
    with django_assert_max_num_queries(7):
        found = matrix(STRANGER, base)
        assert [row.entry.full_name for row in found.rows]
