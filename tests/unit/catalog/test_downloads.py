"""Downloads are counted in memory, written together, and carried into the listings once each."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.adapters.publication import yank_version
from catalog.search import downloads
from catalog.search.downloads import carry_downloads, count_download, flush_downloads
from catalog.search.models import DownloadCount, SearchEntry
from tests.unit.catalog.factories import make_namespace, make_user, publish, together

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    owner = make_user("owner")
    make_namespace(owner)
    return owner


@pytest.fixture
def adapter(owner):
    """A published adapter, in a process that writes only when it is told to."""
    return publish(owner, version="1.0.0").adapter


@pytest.fixture(autouse=True)
def only_on_demand(settings, monkeypatch):
    settings.HUB_DOWNLOAD_FLUSH_SECONDS = 3600
    monkeypatch.setattr(downloads, "_waiting", downloads._Waiting())
    monkeypatch.setattr(downloads._Waiting, "keep_writing", lambda waiting: None)


def count_of(adapter) -> int:
    return sum(DownloadCount.objects.filter(adapter=adapter).values_list("count", flat=True))


def shown(adapter) -> int:
    return SearchEntry.objects.get(adapter=adapter).downloads


def test_a_download_asks_the_database_nothing(adapter):
    with CaptureQueriesContext(connection) as asked:
        count_download(adapter.pk)
    assert not asked.captured_queries


def test_downloads_of_one_day_are_written_together_and_added_to_those_of_other_processes(adapter):
    DownloadCount.objects.create(adapter=adapter, day=timezone.now().date(), count=10)
    for _ in range(5):
        count_download(adapter.pk)
    assert flush_downloads() == 5
    assert flush_downloads() == 0
    assert count_of(adapter) == 15


def test_what_could_not_be_written_waits_for_the_next_time(adapter, monkeypatch):
    count_download(adapter.pk)
    with monkeypatch.context() as broken:
        broken.setattr(downloads, "_ADD", "INSERT INTO no_such_table VALUES (%s, %s, %s)")
        with pytest.raises(OperationalError):
            flush_downloads()
    count_download(adapter.pk)
    assert flush_downloads() == 2
    assert count_of(adapter) == 2


@pytest.mark.django_db(transaction=True)
def test_no_download_is_lost_between_threads(adapter):
    together([lambda: [count_download(adapter.pk) for _ in range(200)] for _ in range(4)])
    assert flush_downloads() == 800


def test_a_listing_gets_every_download_once(adapter):
    for expected in (3, 6, 6):
        if shown(adapter) != 6:
            for _ in range(3):
                count_download(adapter.pk)
        flush_downloads()
        carry_downloads()
        assert shown(adapter) == expected


def test_counts_of_several_days_are_carried_together(adapter):
    today = timezone.now().date()
    for days, count in ((0, 1), (1, 10), (2, 100)):
        DownloadCount.objects.create(adapter=adapter, day=today - timedelta(days=days), count=count)
    assert carry_downloads() == 3
    assert shown(adapter) == 111


def test_carrying_asks_as_often_for_many_adapters_as_for_one(owner, adapter):
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            carry_downloads()
        return len(asked)

    DownloadCount.objects.create(adapter=adapter, day=timezone.now().date(), count=1)
    one = questions()
    for number in range(5):
        other = publish(owner, adapter=f"lab/other-{number}", version="1.0.0").adapter
        DownloadCount.objects.create(adapter=other, day=timezone.now().date(), count=number + 1)
    assert questions() == one


def test_an_adapter_that_comes_back_keeps_its_downloads(owner, adapter):
    count_download(adapter.pk)
    flush_downloads()
    carry_downloads()
    yank_version(owner, adapter, "1.0.0", reason="wrong labels")
    assert not SearchEntry.objects.exists()
    publish(owner, {"README.md": b"again"}, version="1.0.1")
    assert shown(adapter) == 1
