"""Picking adapters in lists, a job that moves by itself, and a push with its progress."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from selenium.webdriver.common.by import By

from catalog.adapters.models import Revision
from catalog.jobs.models import Job
from tests.unit.catalog.factories import lora_files


def pick(browser, name):
    browser.find(f'.pick input[value="{name}"]').click()


def picked(browser):
    return browser.find("#pick-form output").text


def test_picks_last_from_one_list_to_the_next_and_lead_to_the_comparison(browser, catalog, published):
    catalog.push(catalog.writer, "team/summaries", approve=catalog.owner, task="summarization")
    browser.open("/search?q=ner")
    assert not browser.find("#pick-form").is_displayed()
    browser.driver.execute_script("window.isSamePage = true")
    pick(browser, "team/ner-de")
    browser.wait(lambda _: picked(browser) == "1")
    assert browser.driver.execute_script("return window.isSamePage === true")

    browser.open("/search?q=summaries")
    browser.wait(lambda _: picked(browser) == "1")
    pick(browser, "team/summaries")
    browser.wait(lambda _: picked(browser) == "2")
    browser.find("#pick-form button[type=submit]").click()
    browser.wait(lambda driver: "/compare?" in driver.current_url)
    heads = [head.text for head in browser.driver.find_elements(By.CSS_SELECTOR, "section:first-of-type thead .name")]
    assert heads == ["team/summaries", "team/ner-de"]
    assert browser.complaints() == []

    browser.open("/search")
    browser.wait(lambda _: picked(browser) == "2")
    browser.find("#pick-form [data-clear]").click()
    assert not browser.find("#pick-form").is_displayed()
    assert not browser.find('.pick input[value="team/ner-de"]').is_selected()


def test_a_job_moves_while_one_watches_and_its_open_log_stays_open(browser, pending):
    job = Job.objects.get(pk=pending.validation_job_id)
    browser.sign_in("writer")
    browser.open(f"/jobs/{job.pk}")
    assert "It is the next one" in browser.text()
    browser.find("details.log summary").click()
    begun = timezone.now() - timedelta(seconds=10)
    Job.objects.filter(pk=job.pk).update(state="running", progress=0.5, started_at=begun, progress_note="reading")
    browser.wait(lambda driver: "left" in driver.find_element(By.ID, "job").text)
    assert browser.driver.title.startswith("50 %")
    assert browser.find("details.log").get_attribute("open")
    Job.objects.filter(pk=job.pk).update(state="succeeded", progress=1.0, finished_at=timezone.now())
    browser.wait(lambda driver: "It took" in driver.find_element(By.ID, "job").text)
    assert browser.complaints() == []


@pytest.mark.parametrize("can_hash", [True, False], ids=["part by part", "in one body, as over plain HTTP"])
def test_a_push_shows_its_progress_and_leads_to_the_job(can_hash, browser, catalog, settings, tmp_path):
    settings.HUB_STORAGE_URL = str(tmp_path / "store")
    settings.HUB_PART_SIZE_BYTES = 4096
    paths = []
    for name, data in lora_files().items():
        path = Path(tmp_path / name)
        path.write_bytes(data)
        paths.append(str(path))
    browser.sign_in("writer")
    browser.open("/new/adapter")
    watch(browser)
    if not can_hash:
        hide_digests(browser)
    browser.find("#files").send_keys("\n".join(paths))
    browser.find("#name").send_keys("from-a-browser")
    browser.find("#namespace").send_keys("team")
    browser.find("form[data-push] button[type=submit]").click()
    browser.wait(lambda driver: "/jobs/" in driver.current_url)
    shown = browser.driver.execute_script("return JSON.parse(sessionStorage.getItem('shown'))")
    assert shown == sorted(shown)
    assert shown[-1] == 1
    revision = Revision.objects.get(adapter__name="from-a-browser")
    assert {file.path for file in revision.files.all()} == set(lora_files())
    assert browser.complaints() == []


@pytest.mark.parametrize("can_hash", [True, False])
def test_a_refused_push_stands_beneath_the_form_which_stays_as_it_was(can_hash, browser, catalog, tmp_path):
    path = Path(tmp_path / "adapter_model.bin")
    path.write_bytes(b"\x80\x02")
    browser.sign_in("writer")
    browser.open("/new/adapter")
    if not can_hash:
        hide_digests(browser)
    browser.find("#files").send_keys(str(path))
    browser.find("#name").send_keys("pickled")
    browser.find("form[data-push] button[type=submit]").click()
    browser.wait(lambda driver: "pickle_refused" in driver.find_element(By.CSS_SELECTOR, ".push-error").text)
    assert browser.find("#name").get_attribute("value") == "pickled"
    assert browser.find("form[data-push] button[type=submit]").is_enabled()


def hide_digests(browser):
    """What a page that came over plain HTTP finds."""
    browser.driver.execute_script("Object.defineProperty(window, 'crypto', { value: {} })")


def watch(browser):
    """Keep every length that the bar had."""
    browser.driver.execute_script(
        """
        sessionStorage.setItem("shown", "[]");
        const bar = document.getElementById("push-bar");
        new MutationObserver(() => {
          const shown = JSON.parse(sessionStorage.getItem("shown"));
          sessionStorage.setItem("shown", JSON.stringify([...shown, bar.value]));
        }).observe(bar, { attributes: true });
        """
    )
