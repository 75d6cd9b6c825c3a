"""Every URL of the hub: the API, the pages, the plain admin, health."""

from django.contrib import admin
from django.urls import include, path

from hub.health import healthz, readyz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("api/v1/", include("hub.api.urls")),
    path("admin/", admin.site.urls),
    path("", include("frontend.urls")),
]
