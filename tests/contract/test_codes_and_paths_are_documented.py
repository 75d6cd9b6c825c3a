"""docs/API-DESIGN.md and the code name the same error codes and the same endpoints."""

import ast
from collections.abc import Iterator

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from catalog import errors
from catalog.accounts.tokens import TokenRefused
from hub.api import errors as api_errors
from tests.contract.design_page import REPOSITORY, documented_calls, documented_codes, normal

DOMAIN = {
    kind.__name__: kind
    for kind in [*vars(errors).values(), TokenRefused]
    if isinstance(kind, type) and issubclass(kind, errors.DomainError)
}


def raised_codes() -> set[tuple[int, str]]:
    """Each ``(status, code)`` that catalog, workers and hub build an error with, read from the sources."""
    found = {(vars(kind)["status_code"], code) for kind, (code, _) in api_errors._CODES.items()}
    for folder in ("catalog", "hub"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            found |= set(codes_in(ast.parse(path.read_text("utf-8"))))
    return found


def codes_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in DOMAIN:
            status = next(status for kind, status in api_errors.STATUSES if issubclass(DOMAIN[name], kind))
            if not call.args:
                yield status, DOMAIN[name].default_code
            elif isinstance(call.args[0], ast.Constant):
                yield status, str(call.args[0].value)
        if name == "Response" and call.args and isinstance(call.args[0], ast.Dict):
            literal = {
                getattr(key, "value", ""): value
                for key, value in zip(call.args[0].keys, call.args[0].values, strict=True)
            }
            if isinstance(code := literal.get("code"), ast.Constant):
                status = next(ast.literal_eval(word.value) for word in call.keywords if word.arg == "status")
                yield status, str(code.value)


def test_the_scan_sees_what_it_should():
    assert {(409, "version_exists"), (404, "not_found"), (416, "range_not_satisfiable")} <= raised_codes()


def test_every_code_in_the_code_is_documented_with_its_status():
    assert sorted(raised_codes() - documented_codes()) == []


# Passed on from the store, a shape table or a serializer; the unit tests of those see them answered.
FROM_ELSEWHERE = {
    (422, "digest_mismatch"),
    (422, "size_mismatch"),
    (400, "unknown_field"),
    (400, "shapes_malformed"),
    (500, "internal_error"),
}


def test_every_documented_code_is_in_the_code():
    assert sorted(documented_codes() - raised_codes() - FROM_ELSEWHERE) == []
    sources = "".join(
        path.read_text("utf-8") for name in ("storage", "hub", "kernels") for path in (REPOSITORY / name).rglob("*.py")
    )
    for _, code in FROM_ELSEWHERE:
        assert f'"{code}"' in sources


def served_calls() -> set[tuple[str, str]]:
    """Each ``(method, path)`` that the schema of this build describes."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    return {(method.upper(), normal(path.removeprefix("/api/v1"))) for path, calls in paths.items() for method in calls}


def test_every_endpoint_is_documented_and_every_documented_one_is_served():
    assert sorted(served_calls() - documented_calls()) == []
    assert sorted(documented_calls() - served_calls()) == []


def test_every_url_of_the_api_is_in_the_schema():
    from hub.api.urls import urlpatterns

    routes = {normal("/" + str(p.pattern).replace("<", "{").replace(">", "}")) for p in urlpatterns[:-1]}
    described = {path for _, path in served_calls()}
    assert sorted(routes - described) == ["/docs", "/schema"]


@pytest.mark.django_db
def test_the_schema_is_valid_and_free_of_warnings(tmp_path):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yaml"))
    assert (tmp_path / "schema.yaml").stat().st_size > 10_000
