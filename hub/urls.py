"""Every URL of the hub: the API, the pages, the plain admin, health."""

from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.urls import include, path

from hub.health import healthz, readyz
from hub.metrics_view import metrics

# One login page for everything, so that one limit on wrong passwords holds everywhere.
admin.site.login = staff_member_required(admin.site.login, login_url="login")  # type: ignore[method-assign]

handler500 = "hub.outage.server_error"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("api/v1/", include("hub.api.urls")),
    path("admin/", admin.site.urls),
    path("", include("frontend.urls")),
]
