"""A reviewer decides with the keys that the bar shows."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from catalog.reviews.models import Review
from catalog.reviews.queue import case_of


def press(browser, keys):
    ActionChains(browser.driver).send_keys(keys).perform()


def open_review(browser, revision):
    browser.sign_in("owner")
    browser.open(f"/review/{revision.adapter.full_name}/{revision.commit_id}/")
    browser.find(".bar")


def test_a_approves_and_the_next_item_loads(browser, catalog, pending):
    catalog.push(catalog.writer, "team/second", "0.1.0")
    open_review(browser, pending)
    press(browser, "a")
    browser.wait(lambda driver: "/review/team/second/" in driver.current_url)
    assert "Approved and published: team/pos-de@0.1.0." in browser.text()
    pending.refresh_from_db()
    assert pending.state == "published"
    assert browser.complaints() == []


def test_r_asks_for_a_reason_first_and_letters_in_it_are_no_commands(browser, catalog, pending):
    open_review(browser, pending)
    press(browser, "r")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "reason"
    press(browser, "a jar of nothing")
    assert browser.find("#reason").get_attribute("value") == "a jar of nothing"
    assert Review.objects.count() == 0
    browser.find("button[value=reject]").click()
    browser.wait(lambda driver: driver.current_url.endswith("/review/"))
    review = Review.objects.get()
    assert (review.decision, review.reason) == ("reject", "a jar of nothing")


def test_enter_in_the_reason_never_approves(browser, catalog, pending):
    open_review(browser, pending)
    press(browser, "r")
    press(browser, "Not good enough\n")
    browser.wait(lambda driver: driver.current_url.endswith("/review/"))
    assert Review.objects.get().decision == "ask_changes"


def test_c_asks_for_changes_and_m_takes_the_case(browser, catalog, pending):
    open_review(browser, pending)
    press(browser, "m")
    browser.wait(lambda driver: "Given to owner." in driver.find_element(By.CSS_SELECTOR, "main").text)
    assert case_of(pending).assignee == catalog.owner
    press(browser, "c")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "reason"
    press(browser, "State the data.")
    browser.find("button[value=ask_changes]").click()
    browser.wait(lambda driver: driver.current_url.endswith("/review/"))
    pending.refresh_from_db()
    assert pending.state == "returned"
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [360, 1280])
def test_the_queue_is_walked_chosen_and_decided_by_keyboard(browser, catalog, pending, width):
    second = catalog.push(catalog.writer, "team/second", "0.1.0")
    browser.sign_in("owner")
    browser.resize(width)
    browser.open("/review/")
    browser.find(".case")
    for key in "jxjx":
        press(browser, key)
    assert browser.text("[data-chosen]") == "2"
    browser.find("#chosen-reason").send_keys("No licence.")
    browser.find("button[value=reject]").click()
    browser.wait(lambda driver: "2 revisions: rejected." in driver.find_element(By.CSS_SELECTOR, "main").text)
    assert set(Review.objects.values_list("revision", "reason")) == {
        (pending.pk, "No licence."),
        (second.pk, "No licence."),
    }
    assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.complaints() == []


def test_j_goes_on_without_deciding(browser, catalog, pending):
    catalog.push(catalog.writer, "team/second", "0.1.0")
    open_review(browser, pending)
    press(browser, "j")
    browser.wait(lambda driver: "/review/team/second/" in driver.current_url)
    assert Review.objects.count() == 0
