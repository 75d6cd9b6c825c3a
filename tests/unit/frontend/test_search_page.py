"""Search: facets, chips, sorting, keyset pages, and fragments for htmx only."""

import html
import re

HTMX = {"HX-Request": "true"}


def fill(catalog, count, namespace="writer"):
    for number in range(count):
        catalog.push(catalog.writer, f"{namespace}/run-{number:02d}")


def names(response):
    return re.findall(r'class="name" href="/([^"]+)"', response.content.decode())


def test_facets_count_what_the_query_finds(catalog, published, stranger):
    catalog.push(catalog.writer, "writer/other", languages=["fr", "de"])
    text = stranger.get("/search").content.decode()
    assert re.search(r'title="de">German</span> <span class="tabular quiet">2<', text)
    assert re.search(r'title="fr">French</span> <span class="tabular quiet">1<', text)
    assert re.search(r'title="lora">LoRA</span> <span class="tabular quiet">2<', text)


def test_a_chosen_facet_still_shows_the_other_values(catalog, published, stranger):
    catalog.push(catalog.writer, "writer/other")
    response = stranger.get("/search?namespace=team")
    assert names(response) == ["team/ner-de"]
    assert 'title="writer"' in response.content.decode()


def test_each_active_filter_is_a_chip_whose_link_drops_it_alone(published, stranger):
    text = html.unescape(stranger.get("/search?q=ner&method=lora&language=de").content.decode())
    assert 'href="/search?method=lora&language=de"' in text
    assert 'href="/search?q=ner&language=de"' in text
    assert 'href="/search?q=ner&method=lora"' in text


def test_nothing_found_names_what_to_drop_and_how_much_that_finds(published, stranger):
    response = stranger.get("/search?q=zebra+german&method=lora&language=fr")
    assert names(response) == []
    text = response.content.decode()
    assert "No adapter fits all of this" in text
    assert "Nor does one fit when a single condition is dropped" in text
    text = html.unescape(stranger.get("/search?q=zebra+german&method=lora").content.decode())
    assert 'href="/search?q=german&method=lora">without zebra</a> <span class="quiet tabular">1<' in text
    assert "without method:lora" not in text, "that would find nothing either"


def test_nothing_found_shows_what_is_spelled_nearly_alike(published, stranger):
    text = html.unescape(stranger.get("/search?q=germann&method=lora").content.decode())
    assert "Did you mean" in text
    assert 'href="/search?q=german&method=lora"' in text


def test_pages_follow_each_other_without_gap_or_repetition(catalog, stranger):
    fill(catalog, 45)
    seen, url = [], "/search?sort=name"
    while url:
        text = html.unescape(stranger.get(url).content.decode())
        seen += re.findall(r'class="name" href="/([^"]+)"', text)
        more = re.search(r'id="more"[^>]*><a class="button" href="([^"]+)"', text)
        url = more.group(1) if more else ""
    assert seen == [f"writer/run-{number:02d}" for number in range(45)]


def test_htmx_gets_the_found_part_alone(published, stranger):
    whole = stranger.get("/search?q=ner")
    part = stranger.get("/search?q=ner", headers=HTMX)
    assert names(whole) == names(part) == ["team/ner-de"]
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]


def test_going_back_gets_the_whole_page(published, stranger):
    restored = stranger.get("/search?q=ner", headers={**HTMX, "HX-History-Restore-Request": "true"})
    assert "<html" in restored.content.decode()


def test_more_gets_rows_alone(catalog, stranger):
    fill(catalog, 21)
    first = html.unescape(stranger.get("/search").content.decode())
    url = re.findall(r'hx-get="([^"]*cursor=[^"]*)"', first)[0]
    rows = stranger.get(url, headers={**HTMX, "HX-Target": "more"}).content.decode()
    assert rows.count('<li class="entry">') == 1
    assert "facets" not in rows


def test_a_nul_that_no_database_holds_is_dropped(published, stranger):
    assert names(stranger.get("/search?q=n%00er&method=lo%00ra")) == ["team/ner-de"]
    assert stranger.get("/base-models/tiny%00-encoder").status_code == 200


def test_what_people_type_is_escaped(published, stranger):
    text = stranger.get('/search?q=<script>alert(1)</script>&method="><img src=x>').content.decode()
    assert "<script>alert" not in text
    assert "<img" not in text


def test_a_nul_in_the_address_of_a_page_is_dropped(published, stranger):
    assert stranger.get("/team/ner%00-de").status_code == 200
    assert stranger.get("/team/%00").status_code == 404


def test_a_chosen_value_stands_first_among_the_others_even_where_too_few_carry_it(published, stranger):
    text = html.unescape(stranger.get("/search?task=summarization").content.decode())
    assert re.search(r'class="chosen" aria-current="true"><span class="value" title="summarization">✓ ', text)
    assert 'title="token-classification"' in text
