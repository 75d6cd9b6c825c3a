"""The pages of families: what is there, what a form does, and what nobody may see."""

import pytest
from django.test import Client

from catalog.families.models import Basis, Consent, Family
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.catalog.families import MODULES, make_family
from tests.unit.catalog.kept_bases import keep_basis

pytest.importorskip("torch", reason="members are inspected with torch")
pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner, is_review_required=False)
    return owner


def signed_in(user=None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def test_a_family_shows_what_it_costs_what_it_misses_and_the_whole_curve(owner):
    family = make_family(owner)
    keep_basis(family)
    page = signed_in().get("/families/lab/tones").content.decode()
    assert "lab/member-1" in page
    assert "times smaller" in page.lower()
    assert page.count("<circle") == 3
    assert "rank 4: " in page
    assert "as they are" in page
    assert MODULES[0] in page
    assert "hubclient pull-family lab/tones" in page
    assert "Make the next basis" not in page, "a stranger changes nothing"


def test_the_list_names_every_family_and_a_private_one_to_its_people_alone(owner):
    make_family(owner, 2, visibility="private")
    assert "lab/tones" not in signed_in().get("/families/").content.decode()
    assert signed_in().get("/families/lab/tones").status_code == 404
    assert "lab/tones" in signed_in(owner).get("/families/").content.decode()


def test_a_family_is_made_filled_and_compressed_with_forms_alone(owner):
    make_family(owner, 2, full_name="lab/first")
    client = signed_in(owner)
    assert "Every LoRA" in client.get("/families/new").content.decode().replace("every LoRA", "Every LoRA")
    made = client.post("/families/new", {"namespace": "lab", "name": "tones", "base_model": "tiny/wide", "by": "hand"})
    assert made.headers["Location"] == "/families/lab/tones"
    client.post("/families/lab/tones/members", {"adapters": "lab/member-1 lab/member-2"})
    family = Family.objects.get(name="tones")
    assert family.members.filter(consent=Consent.GIVEN).count() == 2
    client.post("/families/lab/tones/compress", {"method": "jd_diag", "size": "rank", "value": "6"})
    basis = Basis.objects.get(family=family)
    assert (basis.recipe["options"]["rank"], basis.method) == (6, "jd_diag")
    assert "is being made" in client.get("/families/lab/tones").content.decode()


def test_what_is_wrong_with_a_form_is_said(owner):
    make_family(owner, 2)
    client = signed_in(owner)
    again = client.post("/families/new", {"namespace": "lab", "name": "Tones", "base_model": "tiny/wide"})
    assert again.status_code == 409
    assert "name_taken" in again.content.decode()
    refused = client.post("/families/lab/tones/compress", {"method": "jd_full", "size": "rank", "value": "many"})
    assert refused.status_code == 400
    assert "must be a whole number" in refused.content.decode()
    unknown = client.post("/families/lab/tones/members", {"adapters": "lab/nobody"})
    assert unknown.status_code == 404
