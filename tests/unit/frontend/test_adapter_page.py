"""The adapter page: state and why, facts beside claims, spectrum, files, and a card that can do nothing."""

import re
from html.parser import HTMLParser

import pytest

from catalog.adapters.publication import yank_version
from catalog.reviews.services import decide

HOSTILE_CARDS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![pixel](https://elsewhere.example/pixel.png)",
    '<img src="//elsewhere.example/p.png" srcset="https://elsewhere.example/2.png 2x">',
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt&colon;alert(1))",
    "[data](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "<a href='vbscript:x'>a</a>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<math><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<iframe src='https://elsewhere.example'></iframe><object data=x></object><embed src=x>",
    "<form action='https://elsewhere.example'><input name=q><button>go</button></form>",
    "<div style='background:url(https://elsewhere.example/x)' onclick='alert(1)'>x</div>",
    "<style>body{display:none}</style><link rel=stylesheet href='https://elsewhere.example/x.css'>",
    "<base href='https://elsewhere.example/'><meta http-equiv=refresh content='0;url=https://elsewhere.example'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<div hx-get='/logout/' hx-trigger='load' data-key='a' id='decision' class='bar'>x</div>",
    "{% load static %}{{ request.user.password }}{{ settings.SECRET_KEY }}",
]
ALLOWED_LINK = re.compile(r"https?://|mailto:|/|#|\?|[\w.-]*$")


class Elements(HTMLParser):
    """Every element of a piece of HTML with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def card_of(text):
    return re.findall(r'<article class="card">(.*?)</article>', text, re.DOTALL)[0]


@pytest.mark.parametrize("card", HOSTILE_CARDS)
def test_a_hostile_card_holds_no_script_handler_or_foreign_image(card, catalog, as_owner):
    revision = catalog.push(catalog.writer, "team/hostile", card=f"before\n\n{card}\n\nafter")
    for url in ("/team/hostile", f"/review/team/hostile/{revision.commit_id}/"):
        shown = card_of(as_owner.get(url).content.decode())
        for tag, attributes in Elements(shown).found:
            assert tag not in {
                "script",
                "style",
                "iframe",
                "object",
                "embed",
                "form",
                "input",
                "button",
                "link",
                "meta",
            }
            assert tag not in {"base", "svg", "math", "noscript"}
            assert set(attributes) <= {"href", "title", "alt", "align", "class", "rel"}, (tag, attributes)
            assert tag == "code" or "class" not in attributes
            assert ALLOWED_LINK.match(attributes.get("href") or ""), attributes


def test_a_card_is_never_a_template(catalog, as_owner):
    catalog.push(catalog.writer, "team/template", card="{{ request.user.username }}-{% now 'Y' %}")
    assert "{{ request.user.username }}-{% now 'Y' %}" in card_of(
        as_owner.get("/team/template").content.decode()
    ).replace("&#x27;", "'")


def test_headings_of_a_card_stand_below_those_of_the_page(catalog, as_owner):
    catalog.push(catalog.writer, "team/headings", card="# One\n\n## Two\n\n###### Six\n\n`<h1>`")
    text = as_owner.get("/team/headings").content.decode()
    assert re.findall(r"<h\d>\w+</h\d>", card_of(text)) == ["<h3>One</h3>", "<h4>Two</h4>", "<h6>Six</h6>"]
    assert "&lt;h1&gt;" in card_of(text)


def test_the_first_screen_says_what_it_is_and_whether_it_fits(published, stranger):
    text = stranger.get("/team/ner-de").content.decode()
    assert "Names in German text" in text
    assert '<span class="state published">published</span>' in text
    assert '<span class="state good">fits</span> 8 tensors checked against its shapes' in text
    assert "hubclient pull team/ner-de@1.0.0" in text
    assert "stitch(base_model, &quot;team/ner-de@1.0.0&quot;)" in text
    assert "PeftModel.from_pretrained" in text


def test_files_have_their_digest_and_a_link_into_the_api(published, stranger):
    text = stranger.get("/team/ner-de").content.decode()
    for file in published.default_version.revision.files.all():
        assert f'href="/api/v1/adapters/team/ner-de/files/1.0.0/{file.path}"' in text
        assert file.blob_id in text


def test_where_claim_and_file_differ_both_are_shown(catalog, as_owner):
    row = {"fact": "rank", "from_file": 4, "claimed": 8, "source": "config"}
    catalog.push(catalog.writer, "team/liar", report={"disagreements": [row]})
    text = re.sub(r"\s+", " ", as_owner.get("/team/liar").content.decode())
    assert (
        '<th scope="row">rank</th><td>8 <span class="source">by the config</span></td><td><strong>4</strong></td>'
        in text
    )


def test_the_spectrum_has_a_cell_for_each_module_and_leads_to_its_own_page(published, stranger):
    text = stranger.get("/team/ner-de").content.decode()
    assert len(re.findall(r'<rect class="h\d"', text)) == 4
    assert "attention.value, layer 1: 3.5 of 4" in text
    assert 'href="/team/ner-de/versions/1.0.0/spectrum"' in text


def test_a_yanked_version_says_why_and_is_not_the_default(catalog, published, stranger):
    catalog.push(catalog.writer, "team/ner-de", "1.1.0", approve=catalog.owner)
    yank_version(catalog.owner, published, "1.1.0", reason="Trained on test data.")
    assert "Trained on test data." in stranger.get("/team/ner-de/versions/1.1.0").content.decode()
    assert "pull team/ner-de@1.0.0" in stranger.get("/team/ner-de").content.decode()


def test_a_rejected_revision_says_why_to_members(catalog, pending, as_writer):
    decide(catalog.owner, pending, decision="reject", reason="State the training data.")
    text = as_writer.get(f"/team/pos-de/versions/{pending.commit_id}").content.decode()
    assert "Rejected by owner: State the training data." in text


def test_facts_of_any_shape_are_shown_without_breaking(catalog, as_owner):
    odd = {
        "base": None,
        "spectrum": {"modules": {"x": {"singular_values": ["a"], "norm": None}}},
        "heads": [3],
        "layers": "?",
    }
    catalog.push(
        catalog.writer, "team/odd", facts=odd, report={"findings": ["text", {"code": "x"}], "disagreements": None}
    )
    assert as_owner.get("/team/odd").status_code == 200
