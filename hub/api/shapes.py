"""Serializer bases: input that refuses unknown fields, pages, and the error form for the schema."""

import json
import re
from functools import lru_cache
from io import BytesIO
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.errors import InvalidInput, TooLarge
from catalog.paging import DEFAULT_LIMIT, Page

CURSOR = OpenApiParameter("cursor", str, description="The next_cursor of the page before")
LIMIT = OpenApiParameter("limit", int, description="1 to 100, default 20")


_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class JsonParser(JSONParser):
    """JSON of a bounded size and depth whose text UTF-8 can hold."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The value. Raises ParseError, or TooLarge over ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(detail=f"the request body is over {limit} bytes", hint="Send files as parts of an upload.")
        try:
            value = super().parse(BytesIO(raw), media_type, parser_context)
            if _SURROGATE_ESCAPE.search(raw):
                json.dumps(value, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply") from error
        except UnicodeEncodeError as error:
            raise ParseError("JSON parse error - half of a surrogate pair") from error
        return value


class Input(serializers.Serializer[Any]):
    """A request body; a field that it does not know is an error, so that a typing error never passes silently."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown fields, then read as usual."""
        if isinstance(data, dict):
            for name in data:
                if name not in self.fields:
                    known = ", ".join(sorted(self.fields))
                    raise serializers.ValidationError(
                        {name: [serializers.ErrorDetail(f"unknown; known are {known}", "unknown_field")]}
                    )
        return super().to_internal_value(data)


class Output(serializers.Serializer[Any]):
    """A response body."""


class ErrorOutput(Output):
    """Any response of status 400 and above."""

    code = serializers.CharField()
    detail = serializers.CharField()
    field = serializers.CharField(required=False)
    hint = serializers.CharField(required=False)
    request_id = serializers.CharField(required=False)


def read(serializer: type[Input], request: Request) -> dict[str, Any]:
    """The checked request body. Raises ValidationError."""
    bound = serializer(data=request.data)
    bound.is_valid(raise_exception=True)
    return dict(bound.validated_data)


@lru_cache
def page_schema(item: type[Output]) -> Any:
    """The schema of a page of ``item``."""
    fields = {
        "results": item(many=True),
        "next_cursor": serializers.CharField(allow_null=True),
        "count": serializers.IntegerField(),
        "is_count_exact": serializers.BooleanField(),
        "__doc__": f"A page of {item.__name__.removesuffix('Output')} objects.",
    }
    return type(f"{item.__name__.removesuffix('Output')}Page", (Output,), fields)


def page_response(page: Page[Any], item: type[Output], request: Request, **context: Any) -> Response:
    """A page as the API's page shape; ``context`` is for the rows' serializer."""
    return Response(
        {
            "results": item(page.rows, many=True, context={"request": request, **context}).data,
            "next_cursor": page.next_cursor,
            "count": page.count,
            "is_count_exact": page.is_count_exact,
        }
    )


def cursor_and_limit(request: Request) -> tuple[str | None, int]:
    """The two paging parameters. Raises InvalidInput."""
    limit = integer(request, "limit")
    return request.query_params.get("cursor") or None, DEFAULT_LIMIT if limit is None else limit


def integer(request: Request, name: str) -> int | None:
    """A whole-number query parameter, None without one. Raises InvalidInput."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInput(detail=f"{name} is {text[:40]!r}; it must be a whole number", field=name) from error


def truth(request: Request, name: str) -> bool | None:
    """A query parameter that is ``true`` or ``false``, None without one. Raises InvalidInput."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    if text not in ("true", "false"):
        raise InvalidInput(detail=f"{name} is {text[:40]!r}; it must be true or false", field=name)
    return text == "true"


def refuse_unknown_parameters(request: Request, known: set[str]) -> None:
    """Raise InvalidInput ``unknown_field`` for a query parameter that does nothing."""
    unknown = sorted(set(request.query_params) - known - {"cursor", "limit", "format"})
    if unknown:
        raise InvalidInput(
            "unknown_field",
            f"{unknown[0]!r} is no parameter here",
            field=unknown[0],
            hint=f"Known are {', '.join(sorted(known))}.",
        )
