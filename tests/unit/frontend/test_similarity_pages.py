"""The reviewer sees copies before he decides; everybody sees what is similar, as far as he may."""

import pytest
from django.test import Client

from catalog.adapters.models import Revision
from catalog.adapters.publication import publish_revision
from tests.unit.catalog.factories import accept, make_base, make_namespace, make_user, push
from tests.unit.catalog.fixtures import sent, store
from tests.unit.catalog.likening import likeness_files, pushed

__all__ = ["sent", "store"]
pytestmark = pytest.mark.django_db


class Hub:
    """Two organisations, a writer's push that waits, and whoever looks at it."""

    def __init__(self) -> None:
        self.owner, self.writer, self.rival = (make_user(name) for name in ("owner", "writer", "rival"))
        make_namespace(self.owner, writer=self.writer)
        make_namespace(self.rival, "rivals")
        self.base = make_base(self.owner)

    def published(self, actor, files, adapter, **options) -> Revision:
        return publish_revision(pushed(actor, self.base, files, adapter, **options), actor=actor)

    def review(self, revision: Revision) -> str:
        return page(self.owner, f"/review/{revision.adapter.full_name}/{revision.commit_id}/")


def page(user, path: str, **headers) -> str:
    client = Client()
    if user is not None:
        client.force_login(user)
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.content
    return response.content.decode()


@pytest.fixture
def hub():
    return Hub()


def test_the_review_warns_of_a_relabelled_copy_and_names_it(hub):
    hub.published(hub.rival, likeness_files(1, gauge=3, lora_alpha=16), "rivals/original", version="2.0.0")
    text = hub.review(pushed(hub.writer, hub.base, likeness_files(1), "lab/fresh"))
    assert "These weights are on the hub already, under another name." in text
    assert 'href="/rivals/original/versions/2.0.0"' in text
    assert '<span class="state bad">copy</span>' in text
    assert "cosine 1.0000<" in text
    assert '<span class="note">2 times as strong</span>' in text


def test_the_review_tells_of_a_private_copy_without_saying_what_it_is(hub):
    secret = hub.published(
        hub.rival, likeness_files(1, gauge=3), "rivals/secret-plan", visibility="private", version="7.7.7"
    )
    text = hub.review(pushed(hub.writer, hub.base, likeness_files(1), "lab/fresh"))
    assert "An adapter that you may not see holds the same weights." in text
    for word in ("secret-plan", "rivals", "7.7.7", secret.commit_id[:10], str(secret.size_bytes)):
        assert word not in text
    boss = make_user("boss", is_admin=True)
    assert "rivals/secret-plan</a>" in page(boss, f"/review/lab/fresh/{Revision.objects.last().commit_id}/")


def test_a_stranger_among_the_weights_alarms_nobody(hub):
    hub.published(hub.rival, likeness_files(2), "rivals/other")
    text = hub.review(pushed(hub.writer, hub.base, likeness_files(1), "lab/fresh"))
    assert "Copies and near duplicates" in text
    assert "These weights are on the hub already" not in text
    assert "may not see" not in text


def test_a_near_duplicate_is_shown_without_alarm(hub):
    hub.published(hub.rival, likeness_files(1, noise=0.3), "rivals/near")
    text = hub.review(pushed(hub.writer, hub.base, likeness_files(1), "lab/fresh"))
    assert '<span class="state warn">near duplicate</span>' in text
    assert "These weights are on the hub already" not in text


def test_a_revision_that_was_never_compared_says_so(hub):
    bare = accept(push(hub.writer, likeness_files(1), "lab/bare"), hub.base)
    assert "Not compared yet." in hub.review(bare)


def test_an_adapters_page_asks_for_its_neighbours_last_and_has_a_link_without_scripts(hub):
    hub.published(hub.owner, likeness_files(1), "lab/mine", version="1.0.0")
    text = page(None, "/lab/mine")
    assert 'hx-get="/lab/mine/versions/1.0.0/similar" hx-trigger="revealed"' in text
    assert '<a href="/lab/mine/versions/1.0.0/similar">' in text


@pytest.mark.literature("LoRA asymmetry")
def test_neighbours_shared_starts_and_both_factors_apart_are_shown(hub):
    hub.published(hub.owner, likeness_files(1), "lab/mine", version="1.0.0")
    hub.published(hub.rival, likeness_files(1, noise=0.6), "rivals/near")
    hub.published(hub.rival, likeness_files(5, start=1), "rivals/same-start")
    hub.published(hub.rival, likeness_files(1, gauge=1), "rivals/secret", visibility="private")
    whole = page(None, "/lab/mine/versions/1.0.0/similar")
    part = page(None, "/lab/mine/versions/1.0.0/similar", **{"HX-Request": "true"})
    assert "<html" in whole
    assert "<html" not in part
    for text in (whole, part):
        assert 'rivals/near</a> <span class="mono quiet">0.1.0</span>' in text
        assert "Began at the same A" in text
        assert "rivals/same-start@0.1.0" in text
        assert "A alone" in text
        assert "B alone" in text
        assert "secret" not in text


def test_nothing_near_and_nothing_to_compare_are_both_said(hub):
    hub.published(hub.owner, likeness_files(1), "lab/mine", version="1.0.0")
    assert "None that you may see points the same way." in page(None, "/lab/mine/versions/1.0.0/similar")
    bare = accept(push(hub.writer, likeness_files(2), "lab/bare"), hub.base)
    assert "Not compared yet." in page(hub.owner, f"/lab/bare/versions/{bare.commit_id}/similar")


def test_the_neighbours_of_what_is_hidden_look_absent(hub):
    hub.published(hub.rival, likeness_files(1), "rivals/secret", visibility="private", version="1.0.0")
    for name in ("secret", "absent"):
        assert Client().get(f"/rivals/{name}/versions/1.0.0/similar").status_code == 404


def test_families_are_proposed_with_the_command_that_makes_them(hub):
    for seed in (1, 2):
        hub.published(hub.owner, likeness_files(seed, start=9), f"lab/of-nine-{seed}")
    hub.published(hub.rival, likeness_files(3, start=9), "rivals/hidden", visibility="private")
    assert "adapters compared" not in page(None, "/families/proposals")
    text = page(None, "/families/proposals?base_model=tiny/llama")
    assert "2 adapters compared. 0 share an A with no other." in text
    assert "hubclient family create lab/NAME --base tiny/llama --adapter lab/of-nine-1 --adapter lab/of-nine-2<" in text
    assert "rivals" not in text
    assert "No two of them did." in page(hub.rival, "/families/proposals?base_model=tiny/llama&namespace=rivals")
    assert Client().get("/families/proposals?base_model=no/such").status_code == 404
