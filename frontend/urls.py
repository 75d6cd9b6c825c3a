"""URLs of the pages. An adapter's page has no prefix, so that its address is its name."""

from django.urls import URLPattern, path, register_converter

from frontend import converters
from frontend.errors import View, page
from frontend.views import (
    accounts,
    adapters,
    bases,
    comparisons,
    deriving,
    evaluation_sets,
    evaluations,
    families,
    family_changes,
    home,
    jobs,
    lineages,
    managing,
    namespaces,
    proposals,
    pushing,
    removals,
    reviews,
    search,
    set_changes,
    similar,
    spectra,
    suggesting,
    topics,
    trainings,
)

register_converter(converters.NameConverter, "name")
register_converter(converters.NamespaceConverter, "namespace")
register_converter(converters.CommitConverter, "commit")


def _page(route: str, view: View, name: str) -> URLPattern:
    return path(route, page(view), name=name)


urlpatterns: list[URLPattern] = [
    _page("", home.home, "home"),
    _page("search", search.search_page, "search"),
    _page("search/suggest", suggesting.suggestions, "suggest"),
    path("login/", accounts.login_page, name="login"),
    path("logout/", accounts.logout_page, name="logout"),
    _page("settings/tokens", accounts.tokens, "tokens"),
    _page("settings/tokens/<int:token_id>/revoke", accounts.revoke, "revoke-token"),
    _page("base-models/", bases.base_list, "base-models"),
    _page("base-models/<path:base_id>", bases.base_page, "base-model"),
    _page("compare", comparisons.compare_page, "compare"),
    _page("new/adapter", pushing.push_page, "push"),
    _page("new/merge", deriving.merge_page, "new-merge"),
    _page("new/reduction", deriving.reduce_page, "new-reduction"),
    _page("evaluation-sets/", evaluation_sets.set_list, "evaluation-sets"),
    _page("evaluation-sets/<name:namespace>/<name:name>", evaluation_sets.set_page, "evaluation-set"),
    _page("evaluation-sets/<name:namespace>/<name:name>/change", set_changes.change_set, "change-set"),
    _page("evaluation-sets/<name:namespace>/<name:name>/withdraw", set_changes.withdraw_rows, "withdraw-set"),
    _page("evaluations/<uuid:evaluation_id>", evaluations.evaluation_page, "evaluation"),
    _page("evaluations/<uuid:evaluation_id>/again", evaluations.run_again_page, "run-again"),
    _page("families/", families.family_list, "families"),
    _page("families/proposals", proposals.proposals_page, "proposed-families"),
    _page("families/new", family_changes.new_family, "new-family"),
    _page("families/<name:namespace>/<name:name>", families.family_page, "family"),
    _page("families/<name:namespace>/<name:name>/members", family_changes.add_to_family, "add-to-family"),
    _page("families/<name:namespace>/<name:name>/consent", family_changes.give_consent, "family-consent"),
    _page("families/<name:namespace>/<name:name>/compress", family_changes.compress_family, "compress-family"),
    _page("jobs/", jobs.job_list, "jobs"),
    _page("jobs/workers", jobs.workers, "workers"),
    _page("jobs/<uuid:job_id>", jobs.job_page, "job"),
    _page("jobs/<uuid:job_id>/cancel", jobs.cancel_job, "cancel-job"),
    _page("jobs/<uuid:job_id>/retry", jobs.retry_job, "retry-job"),
    _page("jobs/<uuid:job_id>/acknowledge", jobs.acknowledge_job, "acknowledge-job"),
    _page("review/", reviews.queue, "review-queue"),
    _page("review/<namespace:namespace>/<name:name>/<commit:commit_id>/", reviews.review_page, "review"),
    _page("removals/", removals.removal_list, "removals"),
    _page("removals/<uuid:removal_id>", removals.removal_page, "removal"),
    _page("tasks/", topics.task_list, "tasks"),
    _page("tasks/<path:task>", topics.task_page, "task"),
    _page("languages/", topics.language_list, "languages"),
    _page("languages/<path:tag>", topics.language_page, "language"),
    _page("new/adaptation", trainings.adapt_page, "adapt"),
    _page("new/transfer", trainings.transfer_page, "transfer"),
    _page("<namespace:namespace>", namespaces.namespace_page, "namespace"),
    _page("<namespace:namespace>/<name:name>", adapters.adapter_page, "adapter"),
    _page("<namespace:namespace>/<name:name>/versions/<name:version>", adapters.adapter_page, "adapter-version"),
    _page("<namespace:namespace>/<name:name>/versions/<name:version>/lineage", lineages.lineage_page, "lineage"),
    _page("<namespace:namespace>/<name:name>/versions/<name:version>/spectrum", spectra.spectrum_page, "spectrum"),
    _page("<namespace:namespace>/<name:name>/manage", managing.manage_page, "manage"),
    _page("<namespace:namespace>/<name:name>/manage/access", managing.grant_page, "grant-access"),
    _page("<namespace:namespace>/<name:name>/manage/access/<int:grant_id>", managing.revoke_page, "revoke-access"),
    _page("<namespace:namespace>/<name:name>/manage/take-back", managing.take_back_page, "take-back"),
    _page("<namespace:namespace>/<name:name>/versions/<name:version>/similar", similar.similar_page, "similar"),
]
