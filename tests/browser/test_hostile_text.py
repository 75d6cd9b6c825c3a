"""Whatever people type into a field stays text: no page runs it, and none asks another host because of it."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.conftest import Browser
from tests.browser.hostile_text import ELSEWHERE, PAYLOADS, poison_every_text
from tests.browser.test_every_page import (  # noqa: F401  (fixtures, found by name)
    family,
    learnt,
    merged,
    paths,
)

# The policy of the pages would stop a script; so it is also asked whether one came to be an element at all.
_ALIVE = """
return [...document.querySelectorAll("*")].filter(element =>
  (element.matches("script:not([src]):not([type='application/json'])"))
  || element.matches("iframe, object, embed, base, style, meta[http-equiv=refresh]")
  || element.matches("noscript") && !/^<meta http-equiv="refresh" content="\\d+">$/.test(element.innerHTML.trim())
  || element.hasAttribute("style") && !element.closest("svg") && element.getAttribute("style").includes("url(")
  || [...element.attributes].some(({name, value}) => /^on/i.test(name) || /hx-on/i.test(name)
    || /^(data-)?hx-/i.test(name) && /^\\s*(https?:)?\\/\\//i.test(value)
    || /^(src|srcset|action|formaction|data|poster|background)$/i.test(name) && value.includes("ELSEWHERE")
    || /^(href|xlink:href)$/i.test(name) && /^\\s*(javascript|data|vbscript):/i.test(value))
).map(element => element.outerHTML.slice(0, 300));
""".replace("ELSEWHERE", ELSEWHERE)


@pytest.fixture
def watched(browser: Browser) -> Any:
    """A browser in which a dialog would leave a trace in the console."""
    command = "Page.addScriptToEvaluateOnNewDocument"
    source = "for (const name of ['alert', 'confirm', 'prompt']) window[name] = () => console.error('DIALOG ' + name);"
    added = browser.driver.execute_cdp_cmd(command, {"source": source})
    yield browser
    browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def wrong_on(browser: Browser, path: str) -> list[str]:
    """What came alive on a page, what its console says, and whom it asked beside its hub."""
    browser.open(path)
    alive = browser.driver.execute_script(_ALIVE)
    ours = (browser.url, "data:", "about:", "chrome:")
    foreign = [url for url in browser.requested() if not url.startswith(ours)]
    is_page = "Adapter Hub" in browser.driver.title
    said = [line for line in browser.complaints() if "status of 40" not in line]
    return [f"{path}: {found}" for found in [*alive, *foreign, *said, *([] if is_page else [browser.driver.title])]]


def test_every_text_of_the_catalog_stays_text(watched, paths):  # noqa: F811
    written = poison_every_text()
    assert sum(written.values()) > 100, "the catalog of this test has hardly a text"
    watched.sign_in("owner")
    wrong = [line for path in paths for line in wrong_on(watched, path)]
    assert not wrong, "\n".join(wrong)


FILTERS = "base={}&task={}&language={}&license={}&tag={}&namespace={}&sort={}"


def addresses() -> list[str]:
    """Every payload as a query, and each in some other place of an address."""
    texts = [quote(text, safe="") for text in PAYLOADS]
    by_fields = [f"/search?{FILTERS.format(*(texts[at:] + texts)[:7])}" for at in range(0, len(texts), 7)]
    elsewhere = [pattern.format(text) for text in texts[:5] for pattern in ("/{}", "/team/{}", "/login/?next={}")]
    return [*(f"/search?q={text}" for text in texts), *by_fields, *elsewhere]


def test_what_an_address_says_stays_text(watched, published):
    wrong = [line for address in addresses() for line in wrong_on(watched, address)]
    assert not wrong, "\n".join(wrong)
