"""Every text of every template is marked; pages in a made-up language show that texts of views are, too."""

import gettext
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import trans_real

import frontend
from tests.unit.catalog.measuring import make_set

TEMPLATES = Path(frontend.__file__).parent / "templates"

# What people and files say, code to type, and names: the same in every language.
DATA = re.compile(
    r"Adapter Hub|The team|Names in German text|Sentences about films|Token classification|Give each word a label\."
    r"|LoRA|Apache 2\.0|Apache-2\.0|German|\bText$|team/[\w-]+|example/tiny-encoder|token-classification|hubclient"
    r"|\b(?:transformers|accuracy|writer|owner|team|films|ner|ner-de|lora|peft|de|zebra|kB|MB|B)\b|\b(?:task|lang):\S+"
    r"|is:measured sort:newest|Python|PEFT|query, value|\b[0-9a-f]{40,64}\b"
)
# Examples to type, units of time and names of standards.
EXAMPLE = re.compile(
    r"\bteam/[\w@.-]+|/first /second|\brecords/\S+|is:measured sort:newest|\b(?:task|lang):|\brank:<=\d+"
    r"|\bUTC\b|SHA-256|Apache-2\.0|Adapter Hub"
)
MARKED = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}|{% translate .*?%}", re.DOTALL)
CLASSES = re.compile(r"{% block width %}.*?{% endblock %}")
TAG = re.compile(r"{{.*?}}|{%.*?%}|{#.*?#}", re.DOTALL)
# A word for what is not there; what _() encloses is marked.
FALLBACK = re.compile(r"""\|(?:default|default_if_none|yesno|pluralize|add|join):["'](?=[^"']*[^\W\d_]{2})[^"']*["']""")
SPOKEN = ("alt", "aria-label", "placeholder", "title")
SILENT = ("code", "pre", "script", "style", "time", "kbd")
# What a picture says to the pointer stands in the table beside it.
DRAWN = ("svg", "title")
# Words that are the same in addresses, API and command line, and what the rows of a set say.
TERMS = re.compile(
    r"(?i)\b(?:measured|published|pending|waiting|failed|queued|validate[ _]revision|interactive|cpu|torch|ms|UTC|MIT"
    r"|en|negative|positive|inconsistent|accuracy|perplexity|text-(?:classification|generation)|sequence classification"
    r"|language model|text|label|exact binomial|film \d+ is as long as it has to be)\b"
)
# Methods of merging, as ``hubclient merge --help`` explains them.
METHOD = re.compile(r"\w+: [\w ,+.]+$")


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

    def __init__(self, *silent):
        super().__init__()
        self.found, self.open, self.silent = [], [], silent

    def handle_starttag(self, tag, attrs):
        if tag not in ("br", "hr", "img", "input", "link", "meta"):
            classes = dict(attrs).get("class") or ""
            self.open.append(tag if tag in self.silent or "mono" in classes or "name" in classes.split() else "")
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
    texts = Texts(*SILENT, *DRAWN)
    texts.feed(without_brackets(html))
    rest = (DATA.sub("", text.strip()) for text in texts.found)
    return [text for text in rest if re.search(r"[^\W\d_]{2}", text)]


def unmarked_in(template):
    """Texts of a template outside of every mark, and words in its filters."""
    rest = CLASSES.sub("", MARKED.sub("", template))
    words = [word for tag in TAG.findall(rest) for word in FALLBACK.findall(tag) if "my-team" not in word]
    texts = Texts(*SILENT)
    texts.feed(TAG.sub("", rest))
    texts.close()
    left = (EXAMPLE.sub("", text).strip() for text in texts.found)
    return words + [text for text in left if re.search(r"[^\W\d_]{2}", text)]


@pytest.fixture
def backwards(monkeypatch):
    """Pages speak it. The language of a request stays with its thread, so that it is taken back."""
    monkeypatch.setitem(trans_real._translations, "en", Backwards())
    yield
    translation.deactivate()


@pytest.mark.parametrize("name", sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html")))
def test_every_text_of_every_template_is_marked(name):
    assert not unmarked_in((TEMPLATES / name).read_text())


@pytest.mark.parametrize(
    "template",
    [
        "<p>A text</p>",
        "{% if a %}{{ a }} rows{% endif %}",
        '<p aria-label="A region">{% translate "A text" %}</p>',
        "<title>Jobs – Adapter Hub</title>",
        '{{ job.subject|default:"the hub" }}',
    ],
)
def test_a_text_that_nobody_marked_is_found(template):
    assert unmarked_in(template)


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
def test_every_text_is_marked(path, catalog, published, as_owner, backwards):
    make_set(catalog.team, task="token-classification", languages=["de"])
    response = as_owner.get(path)
    assert response.status_code == 200
    text = response.content.decode()
    assert "⟦" in text
    assert not unmarked(text), "\n".join(unmarked(text))


def test_every_text_about_scores_jobs_and_families_is_marked(measured, catalog, as_owner, backwards):
    job = measured.pending.validation_job
    for path in (
        "/evaluation-sets/",
        "/evaluation-sets/team/films",
        f"/evaluations/{measured.second.pk}",
        f"/evaluations/{measured.waiting.pk}",
        "/compare?a=team/sentiment@1.0.0&b=team/sentiment@1.1.0&set=team/films",
        "/jobs/",
        "/jobs/?show=dead",
        f"/jobs/{job.pk}",
        "/families/",
        "/families/new",
        "/removals/",
        "/new/merge",
        "/new/reduction",
        "/new/adaptation",
        "/new/transfer",
        "/team/sentiment/manage",
    ):
        response = as_owner.get(path)
        assert response.status_code == 200, path
        texts = [METHOD.sub("", TERMS.sub("", text)) for text in unmarked(response.content.decode())]
        left = [text for text in texts if re.search(r"[^\W\d_]{2}", text)]
        assert not left, (path, left)
