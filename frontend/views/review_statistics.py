"""How long reviews take: numbers, a bar for each week, and the table beneath."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache

from catalog.reviews.statistics import Week, review_statistics
from frontend.figures.columns import Columns, Point, columns
from frontend.templatetags.reviewing import lasted

WEEKS = 26
_HOUR_SECONDS = 3600


@never_cache
@login_required
def statistics_page(request: HttpRequest) -> HttpResponse:
    """Of the namespaces in which the viewer reviews, or of one of them."""
    namespace = request.GET.get("namespace", "")
    found = review_statistics(request.user, namespace=namespace, weeks=WEEKS)
    context = {
        "namespace": namespace,
        "statistics": found,
        "figure": week_columns(found.weeks),
        "weeks": [week for week in reversed(found.weeks) if week.waited.count],
        "count_of_weeks": WEEKS,
    }
    return render(request, "review/statistics.html", context)


def week_columns(weeks: list[Week]) -> Columns | None:
    """The median of each week as a bar, in hours; None where nothing was reviewed."""
    if not any(week.waited.count for week in weeks):
        return None
    points = [
        Point(date_format(week.begins, "j M"), (week.waited.median_seconds or 0) / _HOUR_SECONDS, _said(week))
        for week in weeks
    ]
    return columns(gettext("Median time to review of each week, in hours"), points)


def _said(week: Week) -> str:
    waited = week.waited
    if not waited.count:
        return f"{week.begins}: –"
    said = gettext("%(count)d reviewed, median %(median)s, nine of ten within %(p90)s") % {
        "count": waited.count,
        "median": lasted(waited.median_seconds),
        "p90": lasted(waited.p90_seconds),
    }
    return f"{week.begins}: {said}"
