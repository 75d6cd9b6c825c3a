"""A headless Chromium that keeps what its console and its network saw, and a live hub with a small catalog."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.flags import FLAGS
from tests.unit.frontend.conftest import (  # noqa: F401  (fixtures, found by name)
    PASSWORD,
    Catalog,
    catalog,
    measured,
    pending,
    published,
    quick_passwords,
)

WAIT_SECONDS = 10


@pytest.fixture(autouse=True)
def no_jobs_are_sent(settings: Any) -> None:
    """Jobs stay rows: validation is recorded by the fixtures, so their ids go nowhere."""
    settings.HUB_JOB_SENDER = "tests.browser.conftest.keep"


def keep(*_: Any, **__: Any) -> None:
    """Receive a job's id and do nothing."""


@dataclass
class Browser:
    """Chromium at one hub."""

    driver: webdriver.Chrome
    url: str

    def open(self, path: str) -> None:
        """Load a page of the hub."""
        self.driver.get(self.url + path)

    def find(self, selector: str) -> WebElement:
        """The first element of a CSS selector, as soon as it is there."""
        return self.wait(lambda driver: driver.find_element(By.CSS_SELECTOR, selector))

    def text(self, selector: str = "main") -> str:
        """The visible text of an element."""
        return self.find(selector).text

    def wait(self, condition: Callable[[webdriver.Chrome], Any]) -> Any:
        """Wait until ``condition`` holds; an element that htmx has just replaced counts as not yet."""
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException

        ignored = (NoSuchElementException, StaleElementReferenceException)
        return WebDriverWait(self.driver, WAIT_SECONDS, 0.05, ignored_exceptions=ignored).until(condition)

    def sign_in(self, username: str) -> None:
        """Through the form, as people do."""
        self.open("/login/")
        self.find("#username").send_keys(username)
        self.find("#password").send_keys(PASSWORD)
        self.find("main button").click()
        # One look at the document that is there: an element found in the one that is just leaving cannot be asked.
        shown = "return document.querySelector('.who')?.textContent ?? ''"
        self.wait(lambda driver: username in driver.execute_script(shown))

    def resize(self, width: int, height: int = 800) -> None:
        """Give the page a viewport of exactly this width in CSS pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def forget(self) -> None:
        """Drop what was cached, as if somebody came for the first time."""
        self.driver.execute_cdp_cmd("Network.clearBrowserCache", {})

    def weight(self) -> int:
        """Bytes that the page and all that it needs took on their way here; what was cached took none."""
        entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        return int(self.driver.execute_script(f"return {entries}.reduce((sum, one) => sum + one.transferSize, 0)"))

    def complaints(self) -> list[str]:
        """Errors of the console since the last call; a violated content policy is one of them."""
        return [row["message"] for row in self.driver.get_log("browser") if row["level"] == "SEVERE"]

    def requested(self) -> list[str]:
        """Every address that pages asked for since the last call."""
        messages = (json.loads(row["message"])["message"] for row in self.driver.get_log("performance"))
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One Chromium for the whole run; skip by name where Debian's packages are absent."""
    binary, driver_path = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver_path is None:
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    profile: Path = tmp_path_factory.mktemp("chromium")
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_path))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome, live_server: Any) -> Browser:
    """A signed-out browser, 1280 pixels wide, whose logs are empty."""
    found = Browser(chromium, live_server.url)
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    found.resize(1280)
    found.complaints()
    found.requested()
    return found
