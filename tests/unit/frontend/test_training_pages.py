"""What was trained here stands on the adapter's page, side by side; forms ask for more."""

import re

from catalog.accounts.models import User
from catalog.derivations.models import Derivation, DerivationKind
from catalog.evaluations.models import EvaluationSet
from tests.unit.catalog.evaluating import make_set
from tests.unit.frontend.trained_here import learnt  # noqa: F401  (a fixture, found by name)


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def section(text: str, name: str) -> str:
    return words(re.findall(rf'<section aria-labelledby="{name}">.*?</section>', text, re.DOTALL)[0])


def test_the_comparison_stands_on_the_page(learnt, stranger):  # noqa: F811
    page = stranger.get("/team/learnt").content.decode()
    shown = section(page, "training")
    assert "Coefficients alone (this adapter) 0.812 0.700 to 0.900 5,120 770 20.7" in shown
    assert "Full LoRA of the same rank 0.850 0.700 to 0.900 73,728 770 17.6" in shown
    assert "Base model alone 0.500" in shown
    assert "On the split test of team/mood@1" in shown
    assert "1,200 rows of the split train" in shown
    assert "Experimental" not in shown


def test_a_private_set_is_not_named(learnt, stranger, as_owner):  # noqa: F811
    EvaluationSet.objects.filter(name="mood").update(visibility="private")
    address = "/team/learnt"
    assert "team/mood" not in section(stranger.get(address).content.decode(), "training")
    assert "team/mood@1" in section(as_owner.get(address).content.decode(), "training")


def test_a_transfer_says_that_it_is_experimental(learnt, stranger):  # noqa: F811
    learnt.kind = DerivationKind.TRANSFER
    learnt.recipe |= {"old_base_model": "example/tiny-encoder", "base_model": "example/other", "text_set": None}
    learnt.report = {"is_experimental": True, "texts": 90, "held_out_texts": 10, "agreement": 0.9, "sides": []}
    learnt.save()
    shown = section(stranger.get("/team/learnt").content.decode(), "training")
    assert "Experimental" in shown
    assert "90.0% of 10 held-out texts" in shown
    assert "90 of a private set" in shown


def test_an_adapter_that_was_pushed_has_no_such_section(published, stranger):
    assert 'aria-labelledby="training"' not in stranger.get("/team/ner-de").content.decode()


def test_the_form_asks_for_a_training_and_shows_its_job(catalog, published, as_owner):
    make_set(catalog.owner, "team/mood")
    assert 'value="team/ner-de"' not in as_owner.get("/new/adaptation").content.decode()
    assert "team/ner-de" in as_owner.get("/new/adaptation?member=team/ner-de").content.decode()
    body = {"adapter": "team/learnt", "members": "team/ner-de\n", "evaluation_set": "team/mood", "rank": "4"}
    answer = as_owner.post("/new/adaptation", body)
    derivation = Derivation.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{derivation.job_id}")
    assert derivation.recipe["rank"] == 4


def test_what_is_refused_stands_above_the_form_with_what_was_typed(catalog, published, as_owner):
    body = {"adapter": "team/learnt", "members": "team/ner-de", "evaluation_set": "team/nothing", "rank": "many"}
    answer = as_owner.post("/new/adaptation", body)
    assert answer.status_code == 400
    assert "rank is &#x27;many&#x27;" in answer.content.decode()
    answer = as_owner.post("/new/adaptation", body | {"rank": ""})
    assert answer.status_code == 404
    assert "set_not_found" in answer.content.decode()
    assert 'value="team/nothing"' in answer.content.decode()


def test_the_form_of_a_transfer_says_experimental_and_lists_base_models(catalog, published, as_owner):
    page = as_owner.get("/new/transfer?source=team/ner-de@1.0.0").content.decode()
    assert "experimental" in page
    assert "example/tiny-encoder" in page
    assert 'value="team/ner-de@1.0.0"' in page
    body = {"adapter": "team/moved", "source": "team/ner-de", "base_model": "example/tiny-encoder", "text_set": "x/y"}
    assert as_owner.post("/new/transfer", body).status_code == 422


def test_nobody_asks_without_signing_in(catalog, stranger):
    for path in ("/new/adaptation", "/new/transfer"):
        assert stranger.get(path).status_code == 302
    assert User.objects.exists()


def test_an_adapters_page_leads_to_both_forms_for_those_who_are_signed_in(published, stranger, as_owner):
    address = re.findall(r'href="(/new/(?:adaptation|transfer)[^"]*)"', as_owner.get("/team/ner-de").content.decode())
    assert [as_owner.get(url).status_code for url in address] == [200, 200]
    assert all("team/ner-de@1.0.0" in as_owner.get(url).content.decode() for url in address)
    assert "/new/adaptation" not in stranger.get("/team/ner-de").content.decode()
