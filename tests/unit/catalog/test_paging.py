"""Keyset pages show every row once, also while rows are added, and take no cursor but their own."""

from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from catalog.accounts.models import ApiToken, User
from catalog.errors import InvalidInput
from catalog.jobs.models import Job
from catalog.jobs.services import submit
from catalog.paging import page_of
from tests.unit.catalog.factories import make_user

pytestmark = pytest.mark.django_db
ORDER = ("-created_at", "-id")


def make_jobs(count: int) -> None:
    for _ in range(count):
        submit("describe_base", {})


def walk(order: tuple[str, ...], *, limit: int = 3) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        page = page_of(Job.objects.all(), order, cursor=cursor, limit=limit)
        seen += [str(job.pk) for job in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return seen


@pytest.mark.parametrize("order", [ORDER, ("created_at", "id"), ("kind", "id"), ("progress", "-id")])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_pages_hold_every_row_once_in_order(order, count):
    make_jobs(count)
    # Rows of the same moment are told apart by the last field alone.
    Job.objects.update(created_at=timezone.now())
    assert walk(order) == [str(pk) for pk in Job.objects.order_by(*order).values_list("pk", flat=True)]


def test_rows_added_while_somebody_turns_pages_neither_repeat_nor_hide_any():
    make_jobs(5)
    before = {str(pk) for pk in Job.objects.values_list("pk", flat=True)}
    first = page_of(Job.objects.all(), ORDER, limit=2)
    make_jobs(3)
    rest = page_of(Job.objects.all(), ORDER, cursor=first.next_cursor, limit=100)
    assert [str(job.pk) for job in [*first.rows, *rest.rows]] == sorted(
        before, key=lambda pk: Job.objects.get(pk=pk).created_at, reverse=True
    )


def test_a_page_ends_where_the_rows_end_even_when_the_cursors_row_is_gone():
    make_jobs(4)
    first = page_of(Job.objects.all(), ORDER, limit=2)
    first.rows[-1].delete()
    assert len(page_of(Job.objects.all(), ORDER, cursor=first.next_cursor).rows) == 2


@pytest.mark.parametrize("limit", [0, -1, 101, 10**9])
def test_a_limit_outside_1_to_100_is_refused(limit):
    with pytest.raises(InvalidInput) as refused:
        page_of(Job.objects.all(), ORDER, limit=limit)
    assert refused.value.field == "limit"


@pytest.mark.parametrize(
    "cursor",
    ["x", "a:b:c", "W1tdLFtdXQ:1:1", "\0", "é", "9" * 5000, signing.dumps([list(ORDER), [1, 2]], salt="another")],
    # Signed with the time: named alike in every process that collects it.
    ids=["one part", "no time", "no signature", "a null byte", "no ASCII", "too long", "signed for something else"],
)
def test_a_forged_cursor_is_refused(cursor):
    with pytest.raises(InvalidInput) as refused:
        page_of(Job.objects.all(), ORDER, cursor=cursor)
    assert refused.value.code == "invalid_cursor"


def test_a_cursor_of_another_sorting_is_refused():
    make_jobs(3)
    cursor = page_of(Job.objects.all(), ORDER, limit=1).next_cursor
    with pytest.raises(InvalidInput, match="another"):
        page_of(Job.objects.all(), ("kind", "id"), cursor=cursor)


def test_a_cursor_of_another_list_is_refused_even_when_both_sort_alike():
    make_jobs(3)
    cursor = page_of(Job.objects.all(), ORDER, limit=1).next_cursor
    with pytest.raises(InvalidInput) as refused:
        page_of(ApiToken.objects.all(), ORDER, cursor=cursor)
    assert refused.value.code == "invalid_cursor"


def test_the_count_is_of_the_whole_list():
    for name in ("owner", "writer", "reader"):
        make_user(name)
    page = page_of(User.objects.filter(date_joined__gte=timezone.now() - timedelta(days=1)), ("id",), limit=2)
    assert (page.count, page.is_count_exact, len(page.rows)) == (3, True, 2)
