"""Flips and McNemar's test against cases done by hand and other libraries; who may see which rows flipped."""

import pytest
from django.contrib.auth.models import AnonymousUser
from scipy import stats

from catalog.errors import Conflict, NotFound, Unprocessable
from catalog.evaluations.comparing import compare
from catalog.evaluations.flips import CHI_SQUARE, EXACT, find_flips, mcnemar
from tests.unit.catalog.factories import make_base, make_namespace, make_user
from tests.unit.catalog.measuring import make_set, measure, publish_for

ROWS = [{"text": f"film {at}", "label": "positive" if at % 2 else "negative"} for at in range(6)]


def test_each_row_is_counted_as_what_became_of_it():
    #                    kept  lost  won  wrong, same answer  wrong, another answer
    found = find_flips([1, 1, 0, 0, 0], [1, 0, 1, 0, 0], ["a", "a", "b", "b", "b"], ["a", "c", "a", "b", "c"])
    assert (found.both_right, found.negative, found.positive, found.inconsistent) == (1, (1,), (2,), (4,))
    assert (found.rows, found.both_wrong, found.is_graded, found.negative_rate) == (5, 2, False, 0.2)


def test_rows_with_a_score_between_wrong_and_right_flip_when_it_falls_or_rises():
    found = find_flips([0.5, 0.5, 1.0, 0.2], [0.4, 0.9, 1.0, 0.2 + 1e-12], ["a"] * 4, ["b"] * 4)
    assert (found.is_graded, found.negative, found.positive) == (True, (0,), (1,))
    assert (found.inconsistent, found.both_right, found.both_wrong) == ((), 0, 0)
    assert found.difference.value == pytest.approx(0.075)


def test_the_gain_comes_with_its_interval():
    found = find_flips([0] * 10 + [1] * 90, [1] * 6 + [0] * 4 + [1] * 88 + [0] * 2)
    # Six won, two lost of a hundred: mean 0.04, variance 0.08 - 0.0016, half width 1.96 * sqrt(0.0784 / 100).
    assert found.difference.value == pytest.approx(0.04)
    assert found.difference.high - found.difference.value == pytest.approx(1.959964 * 0.028, rel=1e-6)
    assert found.difference.low < 0 < found.difference.high


def test_lists_of_different_rows_do_not_compare():
    with pytest.raises(ValueError, match="2 rows before, 1 rows now"):
        find_flips([1, 0], [1])


@pytest.mark.literature("MUSCLE")
@pytest.mark.parametrize(
    ("negative", "positive", "p_value", "method"),
    [
        (0, 0, 1.0, EXACT),
        (1, 0, 1.0, EXACT),
        (0, 6, 2 / 64, EXACT),
        (2, 8, 2 * (1 + 10 + 45) / 1024, EXACT),
        (7, 7, 1.0, EXACT),
        (10, 20, 0.1003482465, CHI_SQUARE),  # (10 - 1)^2 / 30 = 2.7
        (13, 13, 1.0, CHI_SQUARE),
    ],
)
def test_mcnemar_by_hand(negative, positive, p_value, method):
    found = mcnemar(negative, positive)
    assert found.p_value == pytest.approx(p_value, rel=1e-6)
    assert found.method == method


def test_mcnemar_is_exact_below_25_discordant_rows_and_a_chi_square_from_there():
    assert [mcnemar(10, 14).method, mcnemar(10, 15).method] == [EXACT, CHI_SQUARE]


@pytest.mark.parametrize(("negative", "positive"), [(a, b) for a in range(0, 30, 3) for b in range(0, 60, 7) if a + b])
def test_mcnemar_agrees_with_scipy(negative, positive):
    if negative + positive < 25:
        expected = stats.binomtest(negative, negative + positive, 0.5).pvalue
    else:
        statistic = max(0, abs(negative - positive) - 1) ** 2 / (negative + positive)
        expected = stats.chi2.sf(statistic, 1)
    assert mcnemar(negative, positive).p_value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("negative", "positive"), [(0, 5), (3, 9), (11, 12), (5, 20), (12, 30), (100, 160)])
def test_mcnemar_agrees_with_statsmodels(negative, positive):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables", reason="needs statsmodels")
    is_exact = negative + positive < 25
    expected = tables.mcnemar([[50, negative], [positive, 7]], exact=is_exact, correction=True)
    found = mcnemar(negative, positive)
    assert (found.statistic, found.p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))


@pytest.fixture
def owner(db):
    return make_user("owner")


@pytest.fixture
def versions(owner):
    """``lab/ner`` 1.0.0 and 1.1.0, both published."""
    make_namespace(owner)
    base = make_base(owner)
    return [publish_for(base, owner, version=version, seed=seed) for seed, version in enumerate(("1.0.0", "1.1.0"))]


@pytest.fixture
def films(owner, versions):
    return make_set(versions[0].adapter.namespace, rows=ROWS)


def test_two_versions_are_compared_row_by_row(owner, versions, films):
    measure(versions[0], films, [1, 1, 1, 0, 0, 0], answers=["a", "a", "a", "b", "b", "b"])
    measure(versions[1], films, [1, 0, 1, 1, 0, 0], answers=["a", "c", "a", "a", "b", "c"])
    found = compare(AnonymousUser(), "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films")
    assert found.before.revision == versions[0]
    assert [(item.kind, item.row, item.before, item.now) for item in found.items] == [
        ("negative", 1, "a", "c"),
        ("positive", 3, "b", "a"),
        ("inconsistent", 5, "b", "c"),
    ]
    assert found.items[0].content == {"text": "film 1", "label": "positive"}
    assert found.items_left_out == 0


def test_of_a_hidden_set_only_the_counts_are_told(owner, versions):
    hidden = make_set(versions[0].adapter.namespace, "exam", rows=ROWS, is_hidden=True)
    measure(versions[0], hidden, [1, 1, 0, 0, 0, 0])
    measure(versions[1], hidden, [0, 1, 1, 0, 0, 0])
    found = compare(owner, "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/exam")
    assert (len(found.flips.negative), len(found.flips.positive)) == (1, 1)
    assert found.items is None
    assert found.items_left_out == 2


def test_many_flips_are_cut_and_counted(owner, versions, films):
    measure(versions[0], films, [1] * 6)
    measure(versions[1], films, [0] * 6)
    found = compare(owner, "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films", most_items=4)
    assert (len(found.items), found.items_left_out) == (4, 2)


def test_the_newest_scores_on_the_same_rows_are_taken(owner, versions, films):
    newer_set = make_set(films.evaluation_set.namespace, number=2)
    measure(versions[0], films, [1, 1, 1, 1, 1, 1], days_ago=3)
    chosen = measure(versions[0], films, [1, 0, 1, 1, 1, 1], days_ago=2)
    measure(versions[0], films, [0, 0], settings={"seed": 0, "limit": 2})
    measure(versions[1], films, [1, 1, 1, 1, 1, 1], days_ago=1)
    measure(versions[1], newer_set, [0, 0, 0, 0])
    found = compare(owner, "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films")
    assert (found.before, found.set_revision) == (chosen, films)


def test_drawn_rows_are_told_by_their_place_in_the_file(owner, versions, films):
    drawn = {"limit": 2, "seed": 5}
    for revision, right in zip(versions, ([1, 1], [1, 0]), strict=True):
        measure(revision, films, right, settings=drawn, rows=[1, 4])
    found = compare(owner, "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films")
    assert [(item.row, item.content["text"]) for item in found.items] == [(4, "film 4")]


def test_rows_drawn_by_different_seeds_do_not_compare(owner, versions, films):
    measure(versions[0], films, [1, 1], settings={"limit": 2, "seed": 5}, rows=[1, 4])
    measure(versions[1], films, [1, 0], settings={"limit": 2, "seed": 6}, rows=[0, 3])
    with pytest.raises(Unprocessable, match="rows_differ"):
        compare(owner, "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films")


def test_another_seed_is_said(owner, versions, films):
    measure(versions[0], films, [1, 0], settings={"seed": 0})
    measure(versions[1], films, [1, 0], settings={"seed": 7})
    assert compare(owner, "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films").other_settings == ["seed"]


def test_an_evaluation_of_the_base_alone_is_named_by_its_id(owner, versions, films):
    alone = measure(None, films, [0, 0, 1, 0, 0, 0], base=versions[0].base_model, cause="baseline")
    measure(versions[0], films, [1, 0, 1, 0, 0, 0])
    found = compare(owner, str(alone.pk), "lab/ner@1.0.0", "lab/films")
    assert found.flips.positive == (0,)


def test_without_a_score_it_says_which_side_lacks_one_and_how_to_get_it(owner, versions, films):
    measure(versions[0], films, [1, 0])
    with pytest.raises(Conflict) as refused:
        compare(owner, "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films")
    assert refused.value.code == "score_not_measured"
    assert "lab/ner@1.1.0" in refused.value.detail
    assert "hubclient eval lab/ner@1.1.0 --set lab/films" in refused.value.hint


def test_scores_on_different_rows_are_not_compared(owner, versions, films):
    measure(versions[0], films, [1, 0], settings={"limit": 2})
    measure(versions[1], films, [1, 0, 0, 0, 0, 0])
    with pytest.raises(Unprocessable, match="rows_differ"):
        compare(owner, "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films")


@pytest.mark.parametrize("reference", ["lab/absent", "lab/secret", "lab/films@9"])
def test_a_private_set_looks_absent(owner, versions, films, reference):
    make_set(films.evaluation_set.namespace, "secret", visibility="private")
    with pytest.raises(NotFound, match="set_not_found"):
        compare(AnonymousUser(), "lab/ner@1.0.0", "lab/ner@1.1.0", reference)


def test_a_score_of_a_version_that_the_viewer_may_not_see_is_none(owner, versions, films):
    measured = measure(versions[0], films, [1, 0])
    versions[0].adapter.visibility = "private"
    versions[0].adapter.save()
    with pytest.raises(NotFound):
        compare(AnonymousUser(), "lab/ner@1.0.0", "lab/ner@1.1.0", "lab/films")
    with pytest.raises(Conflict, match="score_not_measured"):
        compare(AnonymousUser(), str(measured.pk), str(measured.pk), "lab/films")


@pytest.mark.parametrize("side", ["nonsense", "00000000-0000-0000-0000-00000000000g"])
def test_a_side_that_names_nothing_is_refused(owner, films, side):
    with pytest.raises(NotFound, match="not_found"):
        compare(owner, side, side, "lab/films")
