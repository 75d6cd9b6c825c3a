"""URLs of the pages. An adapter's page has no prefix, so that its address is its name."""

from django.urls import URLPattern, path, register_converter

from frontend import converters
from frontend.errors import View, page
from frontend.views import (
    accounts,
    adapters,
    audit,
    bases,
    collection_changes,
    collections,
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
    records,
    removals,
    review_cases,
    review_queue,
    review_rules,
    review_statistics,
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
    _page("collections/", collections.collection_list, "collections"),
    _page("collections/new", collection_changes.new_collection, "new-collection"),
    _page("collections/<name:namespace>/<name:name>", collections.collection_page, "collection"),
    _page("collections/<name:namespace>/<name:name>/diff", collections.collection_diff, "collection-diff"),
    _page("collections/<name:namespace>/<name:name>/edit", collection_changes.edit_collection, "edit-collection"),
    _page("collections/<name:namespace>/<name:name>/delete", collection_changes.remove_collection, "delete-collection"),
    _page("records/", records.record_list, "records"),
    _page("records/<name:source>/<path:path>", records.record_page, "record"),
    _page("jobs/", jobs.job_list, "jobs"),
    _page("jobs/workers", jobs.workers, "workers"),
    _page("jobs/<uuid:job_id>", jobs.job_page, "job"),
    _page("jobs/<uuid:job_id>/cancel", jobs.cancel_job, "cancel-job"),
    _page("jobs/<uuid:job_id>/retry", jobs.retry_job, "retry-job"),
    _page("jobs/<uuid:job_id>/acknowledge", jobs.acknowledge_job, "acknowledge-job"),
    _page("review/", review_queue.queue, "review-queue"),
    _page("review/chosen", review_queue.decide_chosen, "review-chosen"),
    _page("review/statistics", review_statistics.statistics_page, "review-statistics"),
    _page("review/rules/<namespace:namespace>", review_rules.rules_page, "review-rules"),
    _page("review/<namespace:namespace>/<name:name>/<commit:commit_id>/", reviews.review_page, "review"),
    _page(
        "review/<namespace:namespace>/<name:name>/<commit:commit_id>/assign", review_cases.assign_page, "review-assign"
    ),
    _page(
        "review/<namespace:namespace>/<name:name>/<commit:commit_id>/priority",
        review_cases.prioritise_page,
        "review-priority",
    ),
    _page(
        "review/<namespace:namespace>/<name:name>/<commit:commit_id>/thread", review_cases.thread_page, "review-thread"
    ),
    _page("audit", audit.audit_page, "audit"),
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
