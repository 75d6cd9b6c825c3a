"""axe-core in the page: what a screen reader or a weak eye would stumble over."""

from contextlib import suppress
from importlib import resources
from typing import Any

import pytest

from tests.browser.conftest import Browser

_PACKAGE = "axe_playwright_python"
# The rules of WCAG 2.2 at level AA, and axe's own advice.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """
const [options, done] = arguments;
axe.run(document, options).then(
  found => done(found.violations.map(rule => ({
    id: rule.id, impact: rule.impact, help: rule.help,
    nodes: rule.nodes.slice(0, 5).map(node => node.target.join(" ") + ": " + node.html.slice(0, 200)
      + " " + (node.any[0] ? node.any[0].message : "")),
  }))),
  error => done([{id: "axe failed", impact: "serious", help: String(error), nodes: []}]),
);
"""


def script() -> str:
    """The source of axe-core; skip by name where it is not installed."""
    with suppress(ModuleNotFoundError):
        return (resources.files(_PACKAGE) / "axe.min.js").read_text(encoding="utf-8")
    pytest.skip("needs axe-core: pip install --no-deps -r requirements/dev-nodeps.txt")


def violations(browser: Browser, *rules: str) -> list[dict[str, Any]]:
    """What is wrong with the open page, by these rules alone or by all, serious and critical ones only."""
    only: dict[str, Any] = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": _TAGS}
    browser.driver.set_script_timeout(30)
    found = browser.driver.execute_async_script(_RUN, {"runOnly": only, "resultTypes": ["violations"]})
    return [rule for rule in found if rule["impact"] in ("serious", "critical")]
