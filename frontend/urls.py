"""URLs of the pages. An adapter's page has no prefix, so that its address is its name."""

from django.urls import URLPattern, path, register_converter

from frontend import converters
from frontend.errors import View, page
from frontend.views import accounts, adapters, bases, home, jobs, namespaces, reviews, search

register_converter(converters.NameConverter, "name")
register_converter(converters.NamespaceConverter, "namespace")
register_converter(converters.CommitConverter, "commit")


def _page(route: str, view: View, name: str) -> URLPattern:
    return path(route, page(view), name=name)


urlpatterns: list[URLPattern] = [
    _page("", home.home, "home"),
    _page("search", search.search_page, "search"),
    path("login/", accounts.login_page, name="login"),
    path("logout/", accounts.logout_page, name="logout"),
    _page("settings/tokens", accounts.tokens, "tokens"),
    _page("settings/tokens/<int:token_id>/revoke", accounts.revoke, "revoke-token"),
    _page("base-models/", bases.base_list, "base-models"),
    _page("base-models/<path:base_id>", bases.base_page, "base-model"),
    _page("jobs/", jobs.job_list, "jobs"),
    _page("jobs/workers", jobs.workers, "workers"),
    _page("jobs/<uuid:job_id>", jobs.job_page, "job"),
    _page("jobs/<uuid:job_id>/cancel", jobs.cancel_job, "cancel-job"),
    _page("jobs/<uuid:job_id>/retry", jobs.retry_job, "retry-job"),
    _page("review/", reviews.queue, "review-queue"),
    _page("review/<namespace:namespace>/<name:name>/<commit:commit_id>/", reviews.review_page, "review"),
    _page("<namespace:namespace>", namespaces.namespace_page, "namespace"),
    _page("<namespace:namespace>/<name:name>", adapters.adapter_page, "adapter"),
    _page("<namespace:namespace>/<name:name>/versions/<name:version>", adapters.adapter_page, "adapter-version"),
]
