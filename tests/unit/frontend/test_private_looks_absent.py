"""What a viewer may not see looks the same as what does not exist, on every page."""

import pytest


@pytest.fixture
def private(catalog):
    return catalog.push(catalog.writer, "team/secret", approve=catalog.owner, visibility="private", summary="Hush-hush")


def test_a_private_adapter_and_an_absent_one_give_the_same_page(private, stranger):
    hidden, absent = stranger.get("/team/secret"), stranger.get("/team/sekret")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.content.decode().replace("secret", "X") == absent.content.decode().replace("sekret", "X")


def test_members_see_their_private_adapters(private, as_owner):
    assert as_owner.get("/team/secret").status_code == 200
    assert "team/secret" in as_owner.get("/search").content.decode()


@pytest.mark.parametrize("path", ["/", "/search", "/search?q=hush", "/team", "/base-models/example/tiny-encoder"])
def test_private_adapters_are_in_no_listing(path, private, published, stranger):
    text = stranger.get(path).content.decode()
    assert "team/secret" not in text
    assert "Hush-hush" not in text


def test_pending_revisions_are_hidden_from_strangers(pending, stranger):
    assert stranger.get("/team/pos-de").status_code == 404


def test_a_pending_version_of_a_public_adapter_is_hidden_from_strangers(catalog, published, stranger, as_owner):
    second = catalog.push(catalog.writer, "team/ner-de", "2.0.0")
    for ref in ("2.0.0", second.commit_id):
        assert stranger.get(f"/team/ner-de/versions/{ref}").status_code == 404
        assert as_owner.get(f"/team/ner-de/versions/{ref}").status_code == 200
    text = stranger.get("/team/ner-de").content.decode()
    assert "2.0.0" not in text


def test_the_review_of_something_hidden_is_a_404(pending, catalog, client, django_user_model):
    outsider = django_user_model.objects.create_user("outsider")
    client.force_login(outsider)
    assert client.get(f"/review/team/pos-de/{pending.commit_id}/").status_code == 404
