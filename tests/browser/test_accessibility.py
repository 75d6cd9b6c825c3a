"""axe-core finds nothing serious on any page, in the light and in the dark, at a desk and on a phone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import axe
from tests.browser.conftest import Browser
from tests.browser.test_every_page import (  # noqa: F401  (fixtures, found by name)
    family,
    learnt,
    merged,
    paths,
)

# What may change with the width or the colours; all else is the same page.
NARROW_OR_DARK = ("color-contrast", "target-size", "scrollable-region-focusable")


@pytest.fixture
def with_axe(browser: Browser) -> Iterator[Browser]:
    """A browser that has axe-core in every page that it opens."""
    command = "Page.addScriptToEvaluateOnNewDocument"
    added = browser.driver.execute_cdp_cmd(command, {"source": axe.script()})
    yield browser
    browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    darken(browser, False)


def darken(browser: Browser, is_dark: bool) -> None:
    """Tell pages what the system prefers."""
    features = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def told(path: str, found: list[dict[str, Any]]) -> list[str]:
    """A line for each thing that is wrong."""
    return [f"{path}: {rule['id']}: {rule['help']}: {node}" for rule in found for node in rule["nodes"] or [""]]


def test_no_page_has_a_serious_violation_in_either_light_at_either_width(with_axe, paths):  # noqa: F811
    wrong = []
    for path in ["/login/", *paths]:
        if path == paths[0]:
            with_axe.sign_in("owner")
        with_axe.resize(1280)
        darken(with_axe, False)
        with_axe.open(path)
        wrong += told(path, axe.violations(with_axe))
        with_axe.resize(360)
        darken(with_axe, True)
        wrong += told(f"{path} on a phone in the dark", axe.violations(with_axe, *NARROW_OR_DARK))
    assert not wrong, "\n".join(wrong)
