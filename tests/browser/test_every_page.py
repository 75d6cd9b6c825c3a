"""Every page: no error in the console, nothing from elsewhere, nothing wider than a phone."""

import pytest
from django.utils import timezone
from selenium.webdriver.common.by import By

from catalog.accounts.models import User
from catalog.adapters.models import Revision
from catalog.collections.changing import add_items, change_item
from catalog.collections.services import create_collection
from catalog.evaluations.models import Evaluation, Uncertainty
from catalog.evaluations.withdrawing import withdraw_set
from catalog.jobs.heartbeats import beat
from catalog.jobs.models import Job
from catalog.jobs.services import claim, fail, submit
from catalog.records.importing import import_entries
from catalog.similarity.models import Fingerprint
from kernels.similarity.sketching import SKETCH_VERSION
from tests.unit.catalog.factories import make_namespace, make_user
from tests.unit.catalog.families import make_family
from tests.unit.catalog.kept_bases import keep_basis
from tests.unit.catalog.measuring import make_set, measure
from tests.unit.catalog.test_import_adapterhub import ENTRY, lines
from tests.unit.frontend.derived import merged, removed  # noqa: F401  (a fixture, found by name)
from tests.unit.frontend.measured import COSTS, ROWS, right
from tests.unit.frontend.trained_here import learnt  # noqa: F401  (a fixture, found by name)

WIDTHS = (360, 1280)
# Of all that a page needs the first time, styles and scripts uncompressed; a reviewer's screen holds more.
MOST_BYTES, MOST_BYTES_OF_A_REVIEW = 100_000, 130_000
LONG = "w" * 96
# Pages of the small catalog whose address is known beforehand.
FIXED = (
    "/",
    "/team/learnt",
    "/new/adaptation",
    "/new/transfer",
    "/search",
    "/search?q=zebra",
    "/search/help",
    "/team",
    "/team/ner-de",
    "/tasks/",
    "/tasks/token-classification",
    "/languages/",
    "/languages/de",
    "/base-models/",
    "/base-models/example/tiny-encoder",
    "/jobs/",
    "/jobs/?show=dead",
    "/jobs/?show=seen",
    "/jobs/workers",
    "/settings/tokens",
    "/team/sentiment",
    "/team/merged",
    "/team/ner-de/manage",
    "/team/sentiment/versions",
    "/team/sentiment/diff?from=1.0.0&to=1.1.0",
    "/team/ner-de/why?base=example/tiny-encoder",
    "/removals/",
    "/team/ner-de/versions/1.0.0/similar",
    "/families/proposals?base_model=example/tiny-encoder",
    "/evaluation-sets/",
    "/evaluation-sets/team/films",
    "/evaluation-sets/team/prose",
    "/evaluation-sets/team/withdrawn",
    "/families/",
    "/families/new",
    "/new/merge?with=team/ner-de@1.0.0",
    "/new/reduction?of=team/ner-de@1.0.0",
    "/compare",
    "/compare?with=team/sentiment@1.0.0&with=team/sentiment@1.1.0&with=team/reviews&with=team/ner-de",
    "/team/ner-de/versions/1.0.0/spectrum",
    "/team/merged/versions/1.0.0/lineage",
    "/new/adapter",
    "/compare?a=team/sentiment@1.0.0&b=team/sentiment@1.1.0&set=team/films",
    "/compare?a=team/sentiment@1.0.0&b=team/sentiment@1.1.0&set=team/exam",
    "/review/",
    "/review/statistics",
    "/review/rules/team",
    "/audit",
    "/collections/",
    "/collections/new",
    "/records/",
    "/search?q=is:elsewhere",
)


def dead_letter(revision: Revision) -> str:
    """A job that failed without a verdict, with a log, and a worker that runs another."""
    beat("a-machine-with-a-long-name-4711-beef", host="a-machine", pid=4711, queues=["cpu", "gpu"], is_stopping=False)
    job = submit(
        "validate_revision", {}, queue="gpu", subject=("revision", f"team/{LONG}@1.0.0"), created_by=revision.author
    )
    for _ in range(3):
        claimed = claim("gpu", worker="a-machine-with-a-long-name-4711-beef")
        assert claimed is not None
        fail(claimed, code="child_died", detail="the child ended without a result (SIGKILL)" * 3, is_final=False)
        Job.objects.filter(pk=job.pk).update(available_at=timezone.now())
    return str(job.pk)


def look_closer(catalog, measured):
    """More of what can be measured: noise, layers, a language adapter beside, and rows that were withdrawn."""
    second, layers = measured.second, [{"layer": at, "effect": 0.0123, "score_without": 0.8} for at in range(24)]
    inside = {"activation_density": 0.31, "activation_density_base": 0.42, "layers": layers, "rows": 40}
    Evaluation.objects.filter(pk=second.pk).update(efficiency=COSTS | {"analysis": inside})
    numbers = {"accuracy": 0.9, "ece": 0.1234, "nll": 0.45678}
    common = {"revision": second.revision, "settings": {"samples": 10, "seed": 0}}
    found = {"state": "measured", "sigma": 0.0123, "before": numbers, "after": numbers, "measured_at": timezone.now()}
    Uncertainty.objects.create(set_revision=measured.films, **common, **found)
    refusal = {"code": "anchor_missing", "detail": f"the set {LONG} has no split to search on"}
    Uncertainty.objects.create(set_revision=measured.exam, **common, state="failed", error=refusal)
    german = catalog.push(catalog.writer, f"team/g{LONG[1:]}", "1.0.0", approve=catalog.owner)
    measure(second.revision, measured.films, right(0.925, 3), answers=["positive"] * 40, companion=german)
    gone = make_set(catalog.team, "withdrawn", rows=ROWS)
    measure(second.revision, gone, right(0.5))
    withdraw_set(catalog.owner, gone.evaluation_set, reason=f"{LONG} is in it")


def alike(*revisions: Revision) -> None:
    """Fingerprints of the same weights, so that each is a copy of the others."""
    factors = {"a_norm": 1.2, "a_rank": 3.9, "b_norm": 0.2, "b_rank": 2.1, "a_start_ratio": 1.0}
    for revision in revisions:
        Fingerprint.objects.create(
            revision=revision,
            space="one",
            version=SKETCH_VERSION,
            tensors_digest=f"{revision.pk}",
            layout="one",
            update_code=bytes(range(1, 129)) * 4,
            initial_a_code=bytes(range(1, 129)) * 2,
            norm=float(revision.pk),
            modules=4,
            factors=factors,
        )


@pytest.fixture
def family():
    """A family with a basis, its curve, and a name as long as it may be."""
    keeper = make_user("keeper")
    make_namespace(keeper, is_review_required=False)
    made = make_family(keeper, 3, full_name=f"lab/{LONG}", summary="s" * 300)
    keep_basis(made)
    return made


def long_adapter(catalog):
    """An adapter whose name, card, summary and findings are as long as they may be."""
    card = f"# Title\n\n| {LONG} | b |\n|---|---|\n| 1 | 2 |\n\n```\n{LONG * 3}\n```\n\n![far](https://elsewhere.example/p.png)"
    finding = {"code": "x", "severity": "warning", "message": "m", "expected": [1], "received": [2]}
    finding["tensor"] = f"{LONG}.{LONG}"
    report = {
        "findings": [finding],
        "disagreements": [{"fact": "rank", "from_file": 4, "claimed": 8, "source": "config"}],
    }
    return catalog.push(catalog.writer, f"team/{LONG}", "1.0.0", card=card, report=report, summary="s" * 300)


def collected(catalog, folder):
    """A record whose words are as long as they may be, and a collection that holds it; their pages."""
    versions = [{**ENTRY["versions"][0], "version": f"v{LONG[1:]}", "description": LONG}]
    said = {"id": f"ukp/{LONG}", "base_model": LONG, "author": LONG, "versions": versions, "stars": LONG, "task": LONG}
    import_entries(lines(folder, {**ENTRY, **said, "description": LONG * 3}))
    made = create_collection(catalog.owner, full_name=f"team/c{LONG[1:]}", summary="s" * 300, description=LONG)
    add_items(catalog.owner, made, ["team/ner-de", f"records/adapterhub/ukp/{LONG}"], note=LONG * 2, message=LONG)
    change_item(catalog.owner, made, "team/ner-de", position=2, note=LONG)
    page = f"/collections/{made}"
    return [page, f"{page}/edit", f"{page}/diff?from=1&to=3", f"/records/adapterhub/ukp/{LONG}"]


@pytest.fixture
def paths(catalog, published, pending, measured, merged, family, learnt, tmp_path):  # noqa: F811
    """One address of each kind of page, with names as long as they may be."""
    long = long_adapter(catalog)
    pending = Revision.objects.get(pk=pending.pk)
    alike(*Revision.objects.filter(adapter__namespace=catalog.team, state__in=("pending", "published")))
    User.objects.filter(username="owner").update(is_staff=True)
    look_closer(catalog, measured)
    return [
        *FIXED,
        *collected(catalog, tmp_path),
        f"/team/{LONG}",
        f"/jobs/{pending.validation_job_id}",
        f"/jobs/{dead_letter(pending)}",
        f"/removals/{removed(catalog, LONG).pk}",
        f"/families/{family}",
        f"/evaluations/{measured.second.pk}",
        f"/evaluations/{measured.failed.pk}",
        f"/review/team/sentiment/{measured.pending.commit_id}/",
        f"/review/team/{LONG}/{long.commit_id}/",
        f"/review/team/{LONG}/{long.commit_id}/thread",
    ]


def test_pages_fit_a_phone_and_a_desk_and_ask_only_their_own_hub(browser, paths):
    pages = [(path, width) for width in WIDTHS for path in ["/login/", *paths]]
    for path, width in pages:
        browser.resize(width)
        if path == "/login/":
            browser.driver.delete_all_cookies()
            browser.sign_in("owner")
        if width == WIDTHS[0]:
            browser.forget()
        browser.open(path)
        browser.find("main h1")
        weight = browser.weight()
        most = MOST_BYTES_OF_A_REVIEW if path.startswith("/review/") else MOST_BYTES
        assert weight <= most, f"{path} takes {weight} bytes"
        wide = browser.driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} pixels wide at {width}"
        assert browser.complaints() == [], path
    foreign = [url for url in browser.requested() if not url.startswith((browser.url, "data:", "about:", "chrome:"))]
    assert foreign == []


def test_every_field_and_region_has_a_name(browser, paths):
    browser.sign_in("owner")
    for path in paths:
        browser.open(path)
        nameless = browser.driver.execute_script(
            """
            const fields = [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
              .filter(field => !field.labels.length && !field.getAttribute("aria-label"));
            const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
            const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
            const dead = [...document.querySelectorAll("[aria-labelledby]")]
              .filter(element => !document.getElementById(element.getAttribute("aria-labelledby")));
            return [...fields.map(field => field.outerHTML), ...twice, ...dead.map(element => element.outerHTML)];
            """
        )
        assert nameless == [], path
        assert " object at 0x" not in browser.driver.page_source, path
        assert len(browser.driver.find_elements(By.CSS_SELECTOR, "main")) == 1
        assert len(browser.driver.find_elements(By.CSS_SELECTOR, "h1")) == 1, path


def test_the_first_tab_stop_skips_to_the_content(browser, published):
    browser.open("/team/ner-de")
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    focused = browser.driver.switch_to.active_element
    assert focused.text == "Skip to the content"
    focused.send_keys(Keys.ENTER)
    assert browser.driver.switch_to.active_element.get_attribute("id") == "main"


def test_the_page_is_whole_in_the_dark(browser, published):
    browser.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    browser.open("/team/ner-de")
    ground = browser.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert ground == "rgb(19, 20, 22)"


def test_the_neighbours_of_an_adapter_arrive_when_somebody_scrolls_to_them(browser, paths):
    browser.open("/team/ner-de")
    browser.driver.execute_script("document.getElementById('similar-section').scrollIntoView()")
    browser.wait(lambda driver: "Began at the same A" in driver.find_element(By.CSS_SELECTOR, "main").text)
    assert browser.find("#similar-section .state").text == "copy"
    assert browser.complaints() == []
