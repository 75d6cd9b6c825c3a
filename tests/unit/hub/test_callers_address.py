"""Whose address is counted behind proxies: the one that a proxy saw, never the one that a caller wrote."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse

from hub.proxies import CallerAddress


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (0, "1.1.1.1", "10.0.0.1"),
        (1, "2.2.2.2", "2.2.2.2"),
        (1, "6.6.6.6, 2.2.2.2", "2.2.2.2"),
        (2, "6.6.6.6, 2.2.2.2, 10.0.0.9", "2.2.2.2"),
        (2, "2.2.2.2", "2.2.2.2"),
        (1, "", "10.0.0.1"),
    ],
)
def test_the_address_that_the_outermost_believed_proxy_saw(
    settings: Any, proxies: int, header: str, expected: str
) -> None:
    settings.HUB_PROXIES = proxies
    request = HttpRequest()
    request.META = {"REMOTE_ADDR": "10.0.0.1"} | ({"HTTP_X_FORWARDED_FOR": header} if header else {})
    seen: list[str] = []

    def view(given: HttpRequest) -> HttpResponse:
        seen.append(given.META["REMOTE_ADDR"])
        return HttpResponse()

    CallerAddress(view)(request)
    assert seen == [expected]
