"""Screenshots for the README and the docs, of a hub that runs: ``make screenshots`` after ``make demo``.

    python -m tests.browser.screenshots --hub http://127.0.0.1:8000 --people var/demo/.../people.json

Every page is taken in light and dark, as WebP; the README shows the one that the reader's system asks for. For the
review something must wait: push once more what the demo trained, under another name.
"""

import argparse
import base64
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.flags import FLAGS

QUALITY = 82
WAIT_SECONDS = 10
DESK, PHONE = (1280, 800), (390, 800)


@dataclass(frozen=True)
class Shot:
    """One picture: a page as somebody sees it; ``follow`` is a link on it that is opened first."""

    name: str
    path: str
    size: tuple[int, int] = DESK
    follow: str = ""
    who: str = ""


SHOTS = (
    Shot("home", "/"),
    Shot("search", "/search?q=task:text-classification"),
    Shot("search-phone", "/search?q=task:text-classification", PHONE),
    Shot("adapter", "/search", follow=".entries .name"),
    Shot("review", "/review/", follow="main .name", who="reviewer"),
)


class Camera:
    """Chromium at one hub, signed in as whoever the next picture asks for."""

    def __init__(self, hub: str, people: dict[str, dict[str, str]]) -> None:
        self.hub, self.people, self.who = hub.rstrip("/"), people, ""
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in [*FLAGS, "--hide-scrollbars"]:
            options.add_argument(flag)
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)

    def take(self, shot: Shot, folder: Path) -> None:
        """The picture in light and in dark, as ``<name>.webp`` and ``<name>-dark.webp``."""
        self._sign_in(shot.who)
        width, height = shot.size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(self.hub + shot.path)
        if shot.follow:
            self.driver.get(self._find(shot.follow).get_attribute("href"))
        self._find("main h1")
        for scheme, ending in (("light", ""), ("dark", "-dark")):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
            (folder / f"{shot.name}{ending}.webp").write_bytes(base64.b64decode(picture["data"]))

    def _find(self, selector: str):
        return WebDriverWait(self.driver, WAIT_SECONDS).until(lambda page: page.find_element(By.CSS_SELECTOR, selector))

    def _sign_in(self, who: str) -> None:
        if who == self.who:
            return
        self.driver.delete_all_cookies()
        self.who = who
        if who:
            self.driver.get(f"{self.hub}/login/")
            for field in ("username", "password"):
                self._find(f"#{field}").send_keys(self.people[who][field])
            self._find("main button").click()
            self._find(".who .menu")


def main() -> int:
    """Take every picture; the exit status is 0 when all are there."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("--hub", default="http://127.0.0.1:8000")
    parser.add_argument("--people", type=Path, required=True, help="the accounts that `make demo` wrote down")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    camera = Camera(options.hub, json.loads(options.people.read_text(encoding="utf-8")))
    try:
        for shot in SHOTS:
            camera.take(shot, options.out)
            print(f"{shot.name}: {(options.out / f'{shot.name}.webp').stat().st_size / 1000:.0f} kB")
    finally:
        camera.driver.quit()
    return 0


if __name__ == "__main__":
    sys.exit(main())
