"""In a made-up language every text of the pages stands in brackets: what does not was not marked for translation."""

import gettext
import re
from html.parser import HTMLParser

import pytest
from django.utils.translation import trans_real

from tests.unit.catalog.measuring import make_set

# What people and files say, code to type, and names: the same in every language.
DATA = re.compile(
    r"Adapter Hub|The team|Names in German text|Sentences about films|Token classification|Give each word a label\."
    r"|LoRA|Apache 2\.0|Apache-2\.0|German|\bText$|team/[\w-]+|example/tiny-encoder|token-classification|hubclient"
    r"|\b(?:transformers|accuracy|writer|owner|team|films|ner|ner-de|lora|peft|de|zebra|kB|MB|B)\b|\b(?:task|lang):\S+"
    r"|is:measured sort:newest|Python|PEFT|query, value|\b[0-9a-f]{40,64}\b"
)
SPOKEN = ("alt", "aria-label", "placeholder", "title")
SILENT = ("code", "pre", "script", "style", "time", "title", "kbd", "svg")


class Backwards(gettext.NullTranslations):
    """A language in which every text is itself in brackets."""

    def language(self):
        return "en"

    def to_language(self):
        return "en"

    def gettext(self, message):
        return f"⟦{message}⟧"

    def ngettext(self, singular, plural, number):
        return f"⟦{singular if number == 1 else plural}⟧"

    def pgettext(self, _, message):
        return self.gettext(message)


class Texts(HTMLParser):
    """Every piece of text that somebody sees or hears on a page."""

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("br", "hr", "img", "input", "link", "meta"):
            classes = dict(attrs).get("class") or ""
            self.open.append(tag if tag in SILENT or "mono" in classes or "name" in classes.split() else "")
        self.found += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag):
        if self.open and tag not in ("br", "hr", "img", "input", "link", "meta"):
            self.open.pop()

    def handle_data(self, text):
        if not any(self.open):
            self.found.append(text)


def without_brackets(text):
    """What stands in no brackets; a text may stand in another."""
    shorter = re.sub(r"⟦[^⟦⟧]*⟧", "", text)
    return shorter if shorter == text else without_brackets(shorter)


def unmarked(html):
    texts = Texts()
    texts.feed(html)
    rest = (DATA.sub("", without_brackets(text).strip()) for text in texts.found)
    return [text for text in rest if re.search(r"[^\W\d_]{2}", text)]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/search",
        "/search?q=ner&method=lora",
        "/search?q=zebra",
        "/tasks/",
        "/tasks/token-classification",
        "/languages/",
        "/languages/de",
        "/team",
        "/team/ner-de",
    ],
)
def test_every_text_is_marked(path, catalog, published, as_owner, monkeypatch):
    make_set(catalog.team, task="token-classification", languages=["de"])
    monkeypatch.setitem(trans_real._translations, "en", Backwards())
    response = as_owner.get(path)
    assert response.status_code == 200
    text = response.content.decode()
    assert "⟦" in text
    assert not unmarked(text), "\n".join(unmarked(text))
