"""``/metrics``: for those who hold its token, or call from a network that settings name."""

from hmac import compare_digest
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST

from hub.metrics import exposition

_REFUSED = "Set HUB_METRICS_TOKEN and send it as a bearer token, or name your network in HUB_METRICS_NETWORKS.\n"


def metrics(request: HttpRequest) -> HttpResponse:
    """Every figure in Prometheus's text form; 403 for everybody else."""
    if not (_holds_token(request) or _is_near(request)):
        return HttpResponse(_REFUSED, status=403, content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _holds_token(request: HttpRequest) -> bool:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    expected = settings.HUB_METRICS_TOKEN
    return bool(expected) and scheme.lower() == "bearer" and compare_digest(secret.strip().encode(), expected.encode())


def _is_near(request: HttpRequest) -> bool:
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(address in ip_network(network) for network in settings.HUB_METRICS_NETWORKS)
