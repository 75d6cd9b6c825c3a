"""Search answers while one types, without loading the page again, and the back button works."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select


def shown(browser):
    return [link.text for link in browser.driver.find_elements(By.CSS_SELECTOR, "#found .entry .name")]


def mark(browser):
    """Leave a trace that a reload would wipe out."""
    browser.driver.execute_script("window.isSamePage = true")


def is_same_page(browser):
    return bool(browser.driver.execute_script("return window.isSamePage === true"))


def test_typing_a_filter_and_back(browser, catalog, published):
    catalog.push(catalog.writer, "writer/summaries", task="summarization", languages=["fr"])
    browser.open("/search")
    assert sorted(shown(browser)) == ["team/ner-de", "writer/summaries"]
    mark(browser)

    browser.find("#q").send_keys("ner")
    browser.wait(lambda _: shown(browser) == ["team/ner-de"])
    assert browser.driver.current_url.endswith("/search?q=ner&sort=downloads")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "q", "typing goes on where it was"
    assert is_same_page(browser)

    browser.find("#q").send_keys(Keys.BACKSPACE * 3)
    browser.wait(lambda _: len(shown(browser)) == 2)
    browser.find('.facets a[href*="language=fr"]').click()
    browser.wait(lambda _: shown(browser) == ["writer/summaries"])
    assert "language=fr" in browser.driver.current_url
    assert is_same_page(browser)

    browser.driver.back()
    browser.wait(lambda _: len(shown(browser)) == 2)
    assert "language=fr" not in browser.driver.current_url
    assert browser.complaints() == []


def test_a_filter_stays_while_one_types_and_sorts(browser, catalog, published):
    catalog.push(catalog.writer, "writer/ner-fr", languages=["fr"])
    browser.open("/search?language=de")
    mark(browser)
    browser.find("#q").send_keys("ner")
    browser.wait(lambda driver: "q=ner" in driver.current_url)
    browser.wait(lambda _: shown(browser) == ["team/ner-de"])
    Select(browser.find("#sort")).select_by_value("name")
    browser.wait(lambda driver: "sort=name" in driver.current_url)
    assert "language=de" in browser.driver.current_url
    assert is_same_page(browser)
    browser.find(".chips a[href*='q=ner']:not([href*='language'])").click()
    browser.wait(lambda _: sorted(shown(browser)) == ["team/ner-de", "writer/ner-fr"])


def test_more_adds_rows_in_place(browser, catalog):
    for number in range(23):
        catalog.push(catalog.writer, f"writer/run-{number:02d}")
    browser.open("/search?sort=name")
    mark(browser)
    assert len(shown(browser)) == 20
    browser.find("#more a").click()
    browser.wait(lambda _: len(shown(browser)) == 23)
    assert shown(browser) == [f"writer/run-{number:02d}" for number in range(23)]
    assert is_same_page(browser)


def test_an_address_can_be_shared(browser, catalog, published):
    catalog.push(catalog.writer, "writer/other", task="summarization")
    browser.open("/search?q=ner&task=token-classification&sort=newest")
    assert shown(browser) == ["team/ner-de"]
    assert browser.find("#q").get_attribute("value") == "ner"
    assert Select(browser.find("#sort")).first_selected_option.text == "Newest"
