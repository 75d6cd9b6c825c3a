"""URLs of the API; the rules are in docs/API-DESIGN.md."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from hub.api import (
    adapters,
    badges,
    base_models,
    comparisons,
    compressed,
    derivations,
    evaluation_sets,
    evaluations,
    families,
    files,
    identity,
    jobs,
    namespaces,
    policies,
    resolve,
    revisions,
    uncertainty,
    uploads,
    versions,
)
from hub.api.errors import not_found

_ADAPTER = "adapters/<str:namespace>/<str:name>"
_REVISION = f"{_ADAPTER}/revisions/<str:commit_id>"
_VERSION = f"{_ADAPTER}/versions/<str:version>"
_SET = "evaluation-sets/<str:namespace>/<str:name>"
_SET_REVISION = f"{_SET}/revisions/<int:number>"
_FAMILY = "families/<str:namespace>/<str:name>"
_BASIS = f"{_FAMILY}/bases/<int:number>"
_UPLOAD = "uploads/<uuid:upload_id>"

urlpatterns = [
    # Paths are compared in this order: what pulls and lists ask comes first.
    path(f"{_ADAPTER}/files/<str:ref>/<path:path>", files.FileView.as_view(), name="api-file"),
    path("resolve", resolve.ResolveView.as_view()),
    path("adapters", adapters.AdaptersView.as_view()),
    path(_ADAPTER, adapters.AdapterView.as_view()),
    path("", identity.RootView.as_view()),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
    path("whoami", identity.WhoamiView.as_view()),
    path("tokens", identity.TokensView.as_view()),
    path("tokens/<int:token_id>", identity.TokenView.as_view()),
    path("users", identity.UsersView.as_view()),
    path("namespaces", namespaces.NamespacesView.as_view()),
    path("namespaces/<str:name>", namespaces.NamespaceView.as_view()),
    path("namespaces/<str:name>/members", namespaces.MembersView.as_view()),
    path("namespaces/<str:name>/members/<str:username>", namespaces.MemberView.as_view()),
    path("namespaces/<str:name>/policies", policies.PoliciesView.as_view()),
    path("namespaces/<str:name>/policies/<int:policy_id>", policies.PolicyView.as_view()),
    path("base-models", base_models.BaseModelsView.as_view()),
    path("base-models/<path:base_id>/shapes", base_models.BaseModelShapesView.as_view()),
    path("base-models/<path:base_id>/config", base_models.BaseModelConfigView.as_view()),
    path("base-models/<path:base_id>", base_models.BaseModelView.as_view()),
    path(f"{_ADAPTER}/scores", comparisons.HistoryView.as_view()),
    path(f"{_ADAPTER}/badge.svg", badges.BadgeView.as_view()),
    path(f"{_ADAPTER}/revisions", revisions.RevisionsView.as_view()),
    path(_REVISION, revisions.RevisionView.as_view()),
    path(f"{_REVISION}/evidence", revisions.EvidenceView.as_view()),
    path(f"{_REVISION}/reviews", revisions.ReviewsView.as_view()),
    path(f"{_ADAPTER}/uncertainty", uncertainty.UncertaintyView.as_view()),
    path(f"{_ADAPTER}/versions", versions.VersionsView.as_view()),
    path(_VERSION, versions.VersionView.as_view()),
    path(f"{_VERSION}/yank", versions.YankView.as_view()),
    path(f"{_VERSION}/unyank", versions.UnyankView.as_view()),
    path("uploads", uploads.UploadsView.as_view()),
    path(_UPLOAD, uploads.UploadView.as_view()),
    path(f"{_UPLOAD}/files/<int:index>/parts/<int:number>", uploads.PartView.as_view(), name="api-upload-part"),
    path(f"{_UPLOAD}/finish", uploads.FinishView.as_view()),
    path("compare", comparisons.CompareView.as_view()),
    path("leaderboards", comparisons.LeaderboardsView.as_view()),
    path("jobs", jobs.JobsView.as_view()),
    path("jobs/<uuid:job_id>", jobs.JobView.as_view()),
    path("jobs/<uuid:job_id>/cancel", jobs.JobCancelView.as_view()),
    path("jobs/<uuid:job_id>/retry", jobs.JobRetryView.as_view()),
    path("workers", jobs.WorkersView.as_view()),
    path("evaluation-sets", evaluation_sets.SetsView.as_view()),
    path(_SET, evaluation_sets.SetView.as_view()),
    path(f"{_SET}/revisions", evaluation_sets.SetRevisionsView.as_view()),
    path(_SET_REVISION, evaluation_sets.SetRevisionView.as_view()),
    path(f"{_SET_REVISION}/files/<str:split>", evaluation_sets.SetFileView.as_view()),
    path("evaluations", evaluations.EvaluationsView.as_view()),
    path("evaluations/<uuid:evaluation_id>", evaluations.EvaluationView.as_view()),
    path("evaluations/<uuid:evaluation_id>/predictions", evaluations.PredictionsView.as_view()),
    path("evaluations/<uuid:evaluation_id>/rerun", evaluations.RerunView.as_view()),
    path("derivations", derivations.DerivationsView.as_view()),
    path("derivations/<int:derivation_id>", derivations.DerivationView.as_view()),
    path("families", families.FamiliesView.as_view()),
    path(_FAMILY, families.FamilyView.as_view()),
    path(f"{_FAMILY}/plan", compressed.FamilyPlanView.as_view()),
    path(f"{_FAMILY}/members", families.FamilyMembersView.as_view()),
    path(f"{_FAMILY}/members/<path:adapter>", families.FamilyMemberView.as_view()),
    path(f"{_FAMILY}/bases", families.BasesView.as_view()),
    path(_BASIS, families.BasisView.as_view()),
    path(f"{_BASIS}/fits", compressed.FitsView.as_view()),
    path(f"{_BASIS}/file", compressed.BasisFileView.as_view()),
    path(f"{_BASIS}/coefficients/<str:commit_id>", compressed.CoefficientsView.as_view()),
    path(f"{_ADAPTER}/compressed", compressed.AdapterPlanView.as_view()),
    path("reviews", revisions.QueueView.as_view()),
    re_path(r".*", not_found),
]
