"""Probes and Prometheus ask each process by its address, over plain HTTP: no public name, no redirect, no cookie."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, resolve

_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class ForMachines:
    """Middleware: answers these three itself, before anything looks at ``Host`` or asks for HTTPS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or pass the request on."""
        if request.path_info not in _PATHS:
            return self.get_response(request)
        match: ResolverMatch = resolve(request.path_info)
        request.resolver_match = match
        response: HttpResponse = match.func(request)
        response.headers["Content-Length"] = str(len(response.content))
        return response
