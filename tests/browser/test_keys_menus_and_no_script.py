"""The keyboard reaches everything, menus close again, filters are a sheet on a phone, and no page needs a script."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


def focused(browser):
    return browser.driver.switch_to.active_element


def press(browser, *keys):
    ActionChains(browser.driver).send_keys(*keys).perform()


def shown(browser):
    return [link.text for link in browser.driver.find_elements(By.CSS_SELECTOR, "#found .entry .name")]


@pytest.fixture
def no_script(browser) -> Iterator[None]:
    """A browser that runs no script."""
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    yield
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_slash_goes_to_the_search_box_and_is_a_letter_inside_it(browser, published):
    browser.open("/team/ner-de")
    press(browser, "/")
    assert focused(browser).get_attribute("id") == "q"
    press(browser, "a/b", Keys.ENTER)
    browser.wait(lambda driver: "/search?q=a%2Fb" in driver.current_url)


def test_escape_closes_a_menu_and_gives_the_focus_back(browser, catalog, published):
    browser.sign_in("owner")
    browser.open("/team/ner-de")
    summary = browser.find(".who .menu > summary")
    summary.send_keys(Keys.ENTER)
    assert browser.find(".who .menu").get_attribute("open") is not None
    press(browser, Keys.TAB)
    assert focused(browser).text == "Your adapters"
    press(browser, Keys.ESCAPE)
    assert browser.find(".who .menu").get_attribute("open") is None
    assert focused(browser).text == "owner"


def test_a_click_elsewhere_closes_the_version_picker(browser, published):
    browser.open("/team/ner-de")
    browser.find(".picker > summary").click()
    assert browser.find(".picker").get_attribute("open") is not None
    browser.find(".lead").click()
    assert browser.find(".picker").get_attribute("open") is None


def test_the_tabs_of_the_snippets_follow_the_arrow_keys(browser, published):
    browser.open("/team/ner-de")
    browser.find("#tab-cli").send_keys(Keys.ARROW_RIGHT)
    assert browser.find("#code-python").is_displayed()
    assert not browser.find("#code-cli").is_displayed()


def test_on_a_phone_the_filters_are_a_sheet_that_a_choice_closes(browser, catalog, published):
    catalog.push(catalog.writer, "writer/summaries", task="summarization", languages=["fr"])
    browser.resize(360)
    browser.open("/search")
    french = '.sheet a[href*="language=fr"]'
    assert not browser.find(french).is_displayed()
    browser.find(".sheet-open").click()
    browser.wait(lambda _: browser.find(french).is_displayed())
    browser.find(french).click()
    browser.wait(lambda _: shown(browser) == ["writer/summaries"])
    assert not browser.find(".sheet").is_displayed()
    assert browser.complaints() == []


def test_without_script_the_search_its_filters_the_menu_and_the_tabs_work(browser, no_script, catalog, published):
    catalog.push(catalog.writer, "writer/summaries", task="summarization", languages=["fr"])
    browser.resize(360)
    browser.open("/")
    browser.find("#q").send_keys("lora", Keys.ENTER)
    browser.find("#found .entry")
    assert sorted(shown(browser)) == ["team/ner-de", "writer/summaries"]
    browser.find(".sheet-open").click()
    browser.find('.sheet a[href*="language=fr"]').click()
    browser.find('.chips a[href*="q=lora"]')
    assert shown(browser) == ["writer/summaries"]
    browser.find("#found .entry .name").click()
    browser.find('label[for="tab-python"]').click()
    assert browser.find("#code-python").is_displayed()
    browser.find(".narrow-only summary").click()
    browser.find(".narrow-only a[href='/tasks/']").click()
    assert browser.text("h1") == "Tasks"
