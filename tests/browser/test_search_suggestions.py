"""Suggestions in the search box: the combobox pattern with the keyboard, and what a screen reader is told."""

import os

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from catalog.search import known_words

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    known_words.forget()
    yield
    known_words.forget()


def options(browser):
    """The texts of the suggestions that are open."""
    return [one.text for one in browser.driver.find_elements(By.CSS_SELECTOR, "#q-suggestions:not([hidden]) .word")]


def shot(browser, name):
    """A picture to look at, where somebody asks for pictures."""
    if folder := os.environ.get("HUB_SHOTS"):
        browser.driver.save_screenshot(f"{folder}/{name}.png")


def test_filters_and_values_are_chosen_with_the_keyboard(browser, catalog, published):
    browser.open("/search")
    box = browser.find("#q")
    assert box.get_attribute("role") == "combobox"
    box.send_keys("lan")
    browser.wait(lambda _: options(browser)[:1] == ["lang:"])
    shot(browser, "suggest-filter")
    assert box.get_attribute("aria-expanded") == "true"
    box.send_keys(Keys.ARROW_DOWN)
    active = browser.find(f"#{box.get_attribute('aria-activedescendant')}")
    assert active.get_attribute("aria-selected") == "true"
    box.send_keys(Keys.ENTER)
    assert box.get_attribute("value") == "lang:"
    browser.wait(lambda _: options(browser) == ["lang:de"])
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert box.get_attribute("value") == "lang:de "
    browser.wait(lambda driver: "q=lang%3Ade" in driver.current_url)
    browser.wait(lambda _: "team/ner-de" in browser.text("#found"))
    assert browser.complaints() == []


def test_escape_closes_and_the_box_keeps_its_text(browser, catalog, published):
    browser.open("/search")
    box = browser.find("#q")
    box.send_keys("ner")
    browser.wait(lambda _: "team/ner-de" in options(browser))
    box.send_keys(Keys.ESCAPE)
    assert options(browser) == []
    assert box.get_attribute("value") == "ner"
    assert box.get_attribute("aria-expanded") == "false"


def test_an_adapter_that_is_chosen_opens(browser, catalog, published):
    browser.open("/base-models/")
    box = browser.find("header #q")
    box.send_keys("ner-")
    browser.wait(lambda _: "team/ner-de" in options(browser))
    shot(browser, "suggest-header")
    browser.find("#q-suggestions [data-href]").click()
    browser.wait(lambda driver: driver.current_url.endswith("/team/ner-de"))


def test_a_query_that_cannot_be_read_is_shown_while_it_is_typed(browser, catalog, published):
    browser.open("/search")
    browser.find("#q").send_keys("metod:lora")
    browser.wait(lambda _: "metod:lora" in browser.text("#found mark"))
    assert "method:lora" in browser.text("#found a")
    shot(browser, "unreadable")
    browser.find("#found a").click()
    browser.wait(lambda _: browser.find("#q").get_attribute("value") == "method:lora")
    assert "team/ner-de" in browser.text("#found")
    assert browser.complaints() == []


def test_a_form_that_asks_for_names_offers_them_and_still_sends_what_was_typed(browser, catalog, published):
    catalog.push(catalog.writer, "team/ner-fr", approve=catalog.owner)
    browser.open("/compare")

    def offered(box):
        return [one.text for one in browser.driver.find_elements(By.CSS_SELECTOR, f"#{box}-suggestions .word")]

    box = browser.find("#with-1")
    box.send_keys("ner")
    browser.wait(lambda _: sorted(offered("with-1")) == ["team/ner-de", "team/ner-fr"])
    shot(browser, "suggest-name")
    box.send_keys(Keys.ARROW_DOWN)
    active = browser.find(f"#{box.get_attribute('aria-activedescendant')}")
    chosen = active.find_element(By.CSS_SELECTOR, ".word").text
    box.send_keys(Keys.ENTER)
    assert box.get_attribute("value") == chosen, "the name is put in, and the page stays"
    browser.wait(lambda _: offered("with-1") == [f"{chosen}@1.0.0"])
    box.send_keys(Keys.ESCAPE)
    other = browser.find("#with-2")
    other.send_keys("team/ner-fr" if chosen.endswith("de") else "team/ner-de")
    other.submit()
    browser.wait(lambda driver: "with=" in driver.current_url)
    assert "What differs" in browser.text()
    assert browser.complaints() == []
