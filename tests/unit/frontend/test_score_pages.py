"""Pages of scores: what is measured and what is claimed stay apart, hidden rows stay hidden, gaps are shown as gaps."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from catalog.evaluations.models import Evaluation, Policy, Uncertainty
from catalog.jobs.models import Job
from frontend.figures.bars import score_bars
from frontend.figures.plane import size_against_score
from tests.unit.catalog.measuring import measure
from tests.unit.frontend.measured import COSTS, right

COMPARE = "/compare?a=team/sentiment@1.0.0&b=team/sentiment@1.1.0&set="


def text_of(response):
    assert response.status_code == 200, response.content[:300]
    return response.content.decode()


def section(text, name):
    """The one section whose heading has this id."""
    return re.findall(rf'<section aria-labelledby="{name}">.*?</section>', text, re.DOTALL)[0]


def words(text):
    """What is read; what a picture says to the pointer stands in the table as well."""
    text = re.sub(r"<title>.*?</title>", "", text)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_an_adapters_page_shows_what_was_measured_with_interval_base_and_gain(measured, stranger):
    scores = words(section(text_of(stranger.get("/team/sentiment")), "scores"))
    assert "measured here" in scores
    assert (
        f"team/films@1 accuracy measured {measured.second.measured_at:%Y-%m-%d} 0.850 0.750 to 0.950 0.500 +0.350"
        in scores
    )


def test_measured_and_claimed_scores_never_share_a_section(measured, stranger):
    text = text_of(stranger.get("/team/sentiment"))
    assert "0.987" not in section(text, "scores")
    claimed = [part for part in re.findall(r"<section.*?</section>", text, re.DOTALL) if "0.987" in part]
    assert len(claimed) == 1
    assert "0.850" not in claimed[0]
    assert "by the author" in words(claimed[0])


def test_what_failed_and_what_waits_is_told_apart(measured, stranger):
    scores = words(section(text_of(stranger.get("/team/sentiment")), "scores"))
    assert "team/prose@1 : failed labels_do_not_fit" in scores
    assert "team/films@1 : waiting" in scores


def test_an_evaluation_says_how_it_was_measured(measured, stranger):
    text = text_of(stranger.get(f"/evaluations/{measured.second.pk}"))
    assert "accuracy the set's own 0.850 0.750 0.950 higher" in words(section(text, "metrics"))
    how = words(section(text, "how"))
    for said in (
        "Seed 0",
        "Device cpu",
        "Batch size 32",
        "Duration 1.5 s",
        "torch 2.13.0",
        measured.second.predictions_digest,
    ):
        assert said in how
    assert "4.02 ms" in words(section(text, "costs"))


def test_a_published_score_offers_its_badge_and_a_private_one_does_not(measured, stranger, as_owner):
    url = f"/evaluations/{measured.second.pk}"
    address = re.findall(r'<img src="(/api/v1/[^"]+)"', text_of(stranger.get(url)))[0].replace("&amp;", "&")
    assert "0.85 (0.75 to 0.95)" in text_of(stranger.get(address))
    measured.films.evaluation_set.visibility = "private"
    measured.films.evaluation_set.save()
    assert "badge.svg" not in text_of(as_owner.get(url))


@pytest.mark.literature("GDA CLIP baseline")
def test_the_closed_form_classifier_stands_beside_the_base_model(measured, stranger):
    gda = {"value": 0.475, "low": 0.4, "high": 0.5, "higher_is_better": True}
    Evaluation.objects.filter(pk=measured.alone.pk).update(metrics={**measured.alone.metrics, "gda": gda})
    board = words(section(text_of(stranger.get("/evaluation-sets/team/films")), "board"))
    assert "0.500 0.400 to 0.600 linear probe , closed form (GDA) 0.475" in board


def test_all_answers_are_a_link_where_rows_may_be_seen(measured, stranger):
    text = text_of(stranger.get(f"/evaluations/{measured.second.pk}"))
    link = re.findall(r'href="(/api/v1/evaluations/[^"]+/predictions)"', text)[0]
    assert stranger.get(link).json()["digest"] == measured.second.predictions_digest
    assert "/predictions" not in text_of(stranger.get(f"/evaluations/{measured.hidden.pk}"))


@pytest.mark.literature("Hidden Space of Language Adapters", "DEFT (activation density)")
def test_an_analysis_shows_what_each_layer_changes_and_is_worth(measured, stranger):
    layers = [{"layer": 0, "effect": 0.0125, "score_without": 0.8}, {"layer": 1, "effect": 0.2, "score_without": None}]
    inside = {"activation_density": 0.31, "activation_density_base": 0.42, "layers": layers, "rows": 40}
    Evaluation.objects.filter(pk=measured.second.pk).update(efficiency=COSTS | {"analysis": inside})
    text = words(section(text_of(stranger.get(f"/evaluations/{measured.second.pk}")), "inside"))
    assert "31.0 % with the adapter, 42.0 % without" in text
    assert "0 0.0125 0.800 1 0.200 –" in text
    assert 'id="inside"' not in text_of(stranger.get(f"/evaluations/{measured.first.pk}"))


def test_an_adapters_page_shows_what_happens_inside_the_model(measured, stranger):
    layers = [{"layer": 0, "effect": 0.0125, "score_without": 0.8}]
    inside = {"activation_density": 0.31, "activation_density_base": 0.42, "layers": layers, "rows": 40}
    Evaluation.objects.filter(pk=measured.second.pk).update(efficiency=COSTS | {"analysis": inside})
    text = text_of(stranger.get("/team/sentiment"))
    assert "0 0.0125 0.800" in words(section(text, "inside"))
    assert f"/evaluations/{measured.second.pk}" in section(text, "inside")
    assert 'id="inside"' not in text_of(stranger.get("/team/sentiment/versions/1.0.0"))


def test_an_adapters_page_shows_how_much_noise_it_bears(measured, stranger):
    before, after = {"accuracy": 0.9, "ece": 0.2, "nll": 0.6}, {"accuracy": 0.895, "ece": 0.1, "nll": 0.4}
    common = {"revision": measured.second.revision, "settings": {"samples": 10, "seed": 0}}
    now = timezone.now()
    found = {"state": "measured", "sigma": 0.02, "before": before, "after": after, "measured_at": now}
    Uncertainty.objects.create(set_revision=measured.films, **common, **found)
    refusal = {"code": "anchor_missing", "detail": "the set has no split to search on"}
    Uncertainty.objects.create(set_revision=measured.exam, **common, state="failed", error=refusal)
    text = words(section(text_of(stranger.get("/team/sentiment")), "uncertainty"))
    assert f"team/films@1 measured {now:%Y-%m-%d}, 10 samples, seed 0" in text
    assert "0.0200 0.900 → 0.895 0.200 → 0.100 0.600 → 0.400" in text
    assert "team/exam@1 failed anchor_missing the set has no split to search on" in text
    assert 'id="uncertainty"' not in text_of(stranger.get("/team/sentiment/versions/1.0.0"))
    measured.films.evaluation_set.visibility = "private"
    measured.films.evaluation_set.save()
    assert "films" not in words(section(text_of(stranger.get("/team/sentiment")), "uncertainty"))


@pytest.mark.literature("Impact of Language Adapters")
def test_an_adapters_page_shows_its_score_with_a_language_adapter_and_the_difference(measured, catalog, stranger):
    german = catalog.push(catalog.writer, "team/german", approve=catalog.owner)
    two = measured.second.revision
    joint = measure(two, measured.films, right(0.925, 3), answers=["positive"] * 40, companion=german)
    text = section(text_of(stranger.get("/team/sentiment")), "together")
    assert "team/films@1 accuracy team/german@1.0.0 0.925 0.825 to 1.000 0.850 +0.075" in words(text)
    assert "0 worse 3 better" in words(text)
    compared = re.findall(r'href="(/compare[^"]+)"', text)[0].replace("&amp;", "&")
    assert "team/sentiment@1.1.0 with team/german" in words(text_of(stranger.get(compared)))
    assert "team/german@1.0.0" in text_of(stranger.get(f"/evaluations/{joint.pk}"))
    assert "0.925" not in section(text_of(stranger.get("/team/sentiment")), "scores")
    assert "0.925" not in section(text_of(stranger.get("/evaluation-sets/team/films")), "board")
    german.adapter.visibility = "private"
    german.adapter.save()
    assert 'id="together"' not in text_of(stranger.get("/team/sentiment"))


def test_a_set_is_changed_and_withdrawn_on_its_page(measured, as_owner, as_writer, stranger):
    url = "/evaluation-sets/team/films"
    assert 'id="manage"' not in text_of(stranger.get(url))
    assert stranger.post(f"{url}/withdraw", {"reason": "x"}).status_code == 302
    assert "Withdraw rows" not in text_of(as_writer.get(url))
    changed = as_writer.post(f"{url}/change", {"visibility": "private", "summary": "Ours"}, follow=True)
    assert "The set is private." in text_of(changed)
    assert stranger.get(url).status_code == 404
    as_writer.post(f"{url}/change", {"visibility": "public", "summary": "Films"})
    assert as_writer.post(f"{url}/withdraw", {"revision": "1", "reason": "x"}).status_code == 403
    assert as_owner.post(f"{url}/withdraw", {"revision": "1", "reason": " "}).status_code == 400
    gone = text_of(as_owner.post(f"{url}/withdraw", {"revision": "1", "reason": "a person is in it"}, follow=True))
    assert "Revision 1 is withdrawn." in gone
    text = text_of(stranger.get(url))
    assert "a person is in it" in text
    assert "0.850" in words(section(text, "board"))
    assert "rows withdrawn" in words(section(text_of(stranger.get("/team/sentiment")), "scores"))
    evaluation = text_of(as_owner.get(f"/evaluations/{measured.second.pk}"))
    assert "a person is in it" in evaluation
    assert "Measure again" not in evaluation
    as_owner.post(f"{url}/withdraw", {"reason": "all"})
    assert "team/films" not in text_of(stranger.get("/evaluation-sets/"))


def test_a_failed_evaluation_shows_code_and_what_to_do(measured, stranger):
    text = text_of(stranger.get(f"/evaluations/{measured.failed.pk}"))
    assert "<code>labels_do_not_fit</code>" in text
    assert "Another set." in text


def test_only_who_may_runs_it_again(measured, as_writer, stranger, settings):
    settings.HUB_JOB_SENDER = "tests.unit.catalog.sending.record"
    url = f"/evaluations/{measured.second.pk}"
    assert "Measure again" not in text_of(stranger.get(url))
    assert stranger.post(f"{url}/again").status_code == 302
    outsider = Client()
    from catalog.accounts.services import create_user

    outsider.force_login(create_user(username="outsider", email="", password="a long pass phrase 7"))
    assert "Measure again" not in text_of(outsider.get(url))
    assert outsider.post(f"{url}/again").status_code == 403
    assert "Measure again" in text_of(as_writer.get(url))


def test_the_button_makes_a_job_with_the_same_settings_and_batches(measured, as_writer, settings):
    settings.HUB_JOB_SENDER = "tests.unit.catalog.sending.record"
    before = Job.objects.count()
    answer = as_writer.post(f"/evaluations/{measured.first.pk}/again")
    made = Evaluation.objects.exclude(pk=measured.waiting.pk).get(state="waiting", revision=measured.first.revision)
    assert answer["Location"] == f"/evaluations/{made.pk}"
    assert Job.objects.count() == before + 1
    assert made.settings == measured.first.settings | {"batch_size": 32}
    assert "Waits for a worker" in text_of(as_writer.get(answer["Location"]))


@pytest.mark.literature("CL2GEC")
def test_versions_in_sequence_show_what_was_gained_and_what_was_forgotten(measured, catalog, stranger):
    last = catalog.push(catalog.writer, "team/sentiment", "1.10.0", approve=catalog.owner)
    measure(last, measured.films, right(0.6))
    measure(last, measured.exam, right(0.9))
    text = words(section(text_of(stranger.get("/team/sentiment")), "history"))
    assert "Set 1.0.0 1.1.0 1.10.0 Gained Forgotten" in text
    assert "team/exam@1 accuracy 0.700 0.750 0.900 +0.200 0.000" in text
    assert "team/films@1 accuracy 0.800 0.850 0.600 −0.200 0.250" in text
    assert "Forgotten over all sets: 0.125" in text
    for link in re.findall(r'href="(/compare[^"]+)"', text_of(stranger.get("/team/sentiment"))):
        assert "team/sentiment@1.10.0" in text_of(stranger.get(link.replace("&amp;", "&")))


@pytest.mark.literature("PEFT vs full FT news classification", "Comprehensive Analysis of Adapter Efficiency")
def test_a_sets_page_has_score_parameters_time_memory_and_input_length_in_one_table(measured, stranger):
    Evaluation.objects.filter(pk=measured.second.pk).update(used={"max_tokens": 256, "device": "cpu"})
    costs = words(section(text_of(stranger.get("/evaluation-sets/team/films")), "costs"))
    assert "Few parameters do not make an adapter fast" in costs
    row = "team/sentiment@1.1.0 lora 0.850 294,912 1.2 MB 12.3 4.00 4.40 +10% 4.02 +0% 412 MB 256 1.50 cpu"
    assert row in costs


def test_a_sets_page_has_its_board_with_bases_beside(measured, stranger):
    board = words(section(text_of(stranger.get("/evaluation-sets/team/films")), "board"))
    assert "1 team/sentiment 1.1.0 0.850" in board
    assert "3 team/reviews 0.1.0 0.600" in board
    assert "Base models alone example/tiny-encoder 0.500" in board
    assert "1.2.0" not in board, "a pending version is on no board"


def test_a_board_is_narrowed_by_its_form(measured, stranger):
    only = text_of(stranger.get("/evaluation-sets/team/films?base=example/tiny-encoder&task=text-classification"))
    assert "team/reviews" in section(only, "board")
    none = text_of(stranger.get("/evaluation-sets/team/films?task=summarization"))
    assert "team/reviews" not in section(none, "board")


def test_a_base_models_page_has_the_matrix_with_its_gaps(measured, stranger):
    matrix = words(section(text_of(stranger.get("/base-models/example/tiny-encoder")), "matrix"))
    assert "team/reviews 0.1.0 text-classification de – not measured 0.600 – not measured" in matrix
    assert "team/sentiment 1.1.0 text-classification de 0.750 best 0.850 best – not measured" in matrix
    assert "the base model alone – – – 0.500 –" in matrix


@pytest.mark.literature("MUSCLE")
def test_a_comparison_counts_flips_and_lists_their_rows(measured, stranger):
    text = text_of(stranger.get(COMPARE + "team/films"))
    outcome = words(section(text, "outcome"))
    found = re.search(r"Negative flips (\d+) .* Positive flips (\d+) .* Inconsistent (\d+) .* p = ([\d.]+)", outcome)
    assert found is not None, outcome
    old, new = [row.predictions for row in (measured.first, measured.second)]
    from catalog.evaluations.answers import unpack

    pairs = list(zip(unpack(old.deflated)["right"], unpack(new.deflated)["right"], strict=True))
    assert found.groups()[:3] == tuple(
        str(count)
        for count in (
            sum(a > b for a, b in pairs),
            sum(a < b for a, b in pairs),
            sum(a == b == 0 for a, b in pairs),
        )
    )
    assert "is as long as it has to be" in section(text, "items")


def test_the_rows_of_a_hidden_set_are_on_no_page(measured, as_owner):
    text = text_of(as_owner.get(COMPARE + "team/exam"))
    assert "The rows of this set are hidden" in text
    assert "as long as it has to be" not in text
    assert "McNemar" in text


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("/compare?a=team/absent&b=team/sentiment&set=team/films", 404, "not_found"),
        (COMPARE + "team/absent", 404, "set_not_found"),
        (COMPARE + "team/prose", 409, "score_not_measured"),
        ("/evaluation-sets/team/absent", 404, "set_not_found"),
        ("/evaluation-sets/team/films?revision=two", 400, "invalid_input"),
        ("/evaluation-sets/team/films?base=no/such", 404, "not_found"),
        ("/evaluations/00000000-0000-4000-8000-000000000000", 404, "not_found"),
    ],
)
def test_what_is_not_there_is_a_page_with_its_code(measured, stranger, query, status, code):
    response = stranger.get(query)
    assert response.status_code == status
    assert f"<code>{code}</code>" in response.content.decode()


def test_a_review_shows_the_scores_against_the_published_version(measured, as_owner):
    text = text_of(as_owner.get(f"/review/team/sentiment/{measured.pending.commit_id}/"))
    against = words(section(text, "against"))
    assert re.search(r"team/films@1 0\.850 0\.700 0\.600 to 0\.800 \d+ worse \d+ better p [\d.<]+", against), against
    link = re.findall(r'href="(/compare[^"]+)"', section(text, "against"))[0].replace("&amp;", "&")
    assert "1.1.0" in link
    assert as_owner.get(link).status_code == 200


def test_a_private_set_is_on_no_strangers_page(measured, stranger, as_owner):
    measured.films.evaluation_set.visibility = "private"
    measured.films.evaluation_set.save()
    for url in ("/team/sentiment", "/base-models/example/tiny-encoder", "/evaluation-sets/"):
        assert "team/films" not in text_of(stranger.get(url)), url
        assert "team/films" in text_of(as_owner.get(url)), url
    for url in (f"/evaluations/{measured.second.pk}", "/evaluation-sets/team/films", COMPARE + "team/films"):
        assert stranger.get(url).status_code == 404, url


def test_a_namespace_lists_its_sets_and_to_members_what_runs_by_itself(measured, stranger, as_writer):
    found = measured.films.evaluation_set
    Policy.objects.create(namespace=found.namespace, evaluation_set=found, language="de", largest_drop=0.01)
    member = words(section(text_of(as_writer.get("/team")), "policies"))
    assert "team/films any de measured, at most 0.01 worse than the version before" in member
    text = text_of(stranger.get("/team"))
    assert 'id="policies"' not in text
    assert "team/films" in section(text, "sets")


def test_a_hub_without_sets_teaches_how_to_add_one(catalog, stranger):
    assert "hubclient eval-set add" in text_of(stranger.get("/evaluation-sets/"))


def test_bars_share_one_scale_and_stay_inside(measured, catalog):
    long = measure(measured.first.revision, measured.films, [], score=50.0, low=-3.0, high=70.0)
    bars = score_bars([(measured.first, None), (long, measured.first)])
    assert bars[1].length > bars[0].length
    assert all(0 <= (place or 0) <= bar.width for bar in bars for place in (bar.length, bar.low, bar.high, bar.base))


def test_size_against_score_needs_two_points(measured):
    assert size_against_score([measured.first]) is None
    found = size_against_score([measured.first, measured.second])
    assert found is not None
    assert all(found.left <= point.x <= found.right and found.top <= point.y <= found.bottom for point in found.points)
