"""``/adapters/{ns}/{name}/badge.svg``: the newest measured score as a small picture, made here and nowhere else."""

from html import escape
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from catalog.adapters.queries import get_adapter, get_revision
from catalog.evaluations.boards import newest_score
from catalog.evaluations.models import Evaluation
from catalog.evaluations.queries import get_set_revision
from hub.api.comparisons import SET, needed
from hub.api.shapes import refuse_unknown_parameters

_LETTER, _PADDING, _HEIGHT = 6.6, 12, 20


class BadgeView(APIView):
    """The badge of one adapter on one set. It shows what was measured here, never a claim."""

    @extend_schema(
        summary="A badge with the measured score",
        parameters=[SET, OpenApiParameter("version", str, description="A version; the default one otherwise")],
        responses={(200, "image/svg+xml"): OpenApiTypes.STR},
    )
    def get(self, request: Request, namespace: str, name: str) -> HttpResponse:
        refuse_unknown_parameters(request, {"set", "version"})
        revision = get_set_revision(request.user, needed(request, "set"))
        adapter = get_adapter(request.user, f"{namespace}/{name}")
        shown = get_revision(request.user, adapter, request.query_params.get("version", "")[:64])
        score = newest_score(request.user, shown, revision)
        title = f"{revision.evaluation_set.name} {revision.metric.replace('_', ' ')}"
        # A page elsewhere asks again each time: the next measurement must show.
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return HttpResponse(badge(title, _words(score)), content_type="image/svg+xml; charset=utf-8", headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whoever shows a picture asks for pictures, with which the errors' JSON has nothing in common."""
        renderers = self.get_renderers()
        try:
            return DefaultContentNegotiation().select_renderer(request, renderers, self.format_kwarg)
        except Exception:
            return renderers[0], renderers[0].media_type


def badge(title: str, value: str) -> str:
    """An SVG of two halves, readable without scripts, fonts or styles from elsewhere."""
    left, right = (round(len(text) * _LETTER + _PADDING) for text in (title, value))
    words = escape(f"{title}: {value}, measured by the hub", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-label="{words}"><title>{words}</title>'
        f'<rect width="{left + right}" height="{_HEIGHT}" rx="3" fill="#3d4249"/>'
        f'<path fill="#1f5fa8" d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v{_HEIGHT - 6}a3 3 0 0 1-3 3h-{right - 3}z"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(title, left / 2, left)}{_text(value, left + right / 2, right)}</g></svg>\n"
    )


def _text(text: str, x: float, width: int) -> str:
    return (
        f'<text x="{x:g}" y="14" textLength="{width - _PADDING}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )


def _words(score: Evaluation | None) -> str:
    if score is None or score.score is None:
        return "not measured"
    if score.score_low is None or score.score_high is None:
        return f"{score.score:.4g}"
    return f"{score.score:.3g} ({score.score_low:.3g} to {score.score_high:.3g})"
