"""An adapter's page, for its default version or for one named in the address."""

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from catalog.accounts.models import Role
from catalog.accounts.querysets import Actor
from catalog.accounts.services import can_review, role_in
from catalog.adapters.models import Adapter, Revision
from catalog.adapters.queries import get_adapter, get_revision
from catalog.cards import render_card
from catalog.collections.queries import collections_with
from catalog.evaluations.claims import claims_of
from catalog.evaluations.history import history
from catalog.evaluations.standing import analysed_of, is_evaluated, others_of, scores_of, together_of
from catalog.evaluations.uncertainty import newest_uncertainties
from catalog.names import version_key
from catalog.removals.queries import why_gone
from catalog.taxonomy.domains import cautions_of
from frontend.evidence import evidence_rows
from frontend.facts import claim_rows, disagreements, fact_rows, finding_lines, fit_of
from frontend.figures.days import downloads_context
from frontend.figures.spectrum import spectrum_of
from frontend.lineage import lineage_context
from frontend.scores import best_line, inside_of, score_lines
from frontend.snippets import load_snippets
from frontend.trainings import training_of

MOST_REVISIONS = 100
_HEADING = re.compile(r"<(/?)h([1-6])>")


def adapter_page(request: HttpRequest, namespace: str, name: str, version: str = "") -> HttpResponse:
    """The page of ``namespace/name``. Raises NotFound and Gone; another spelling of the name is redirected."""
    adapter = get_adapter(request.user, f"{namespace}/{name}")
    if (adapter.namespace.name, adapter.name) != (namespace, name):
        arguments = [adapter.namespace.name, adapter.name, *([version] if version else [])]
        return redirect("adapter-version" if version else "adapter", *arguments)
    revisions = visible_revisions(request, adapter)
    revision = _shown(request, adapter, version, revisions)
    context: dict[str, Any] = {
        "adapter": adapter,
        "revision": revision,
        "revisions": revisions,
        "gone": why_gone(request.user, adapter, "") if revision is None else None,
        "can_manage": role_in(request.user, adapter.namespace) == Role.OWNER,
    }
    if revision is not None:
        hub_url = request.build_absolute_uri("/").rstrip("/")
        context |= revision_context(revision, hub_url) | {
            "training": training_of(request.user, revision),
            "can_review": revision.state == "pending" and can_review(request.user, adapter.namespace),
        }
        context["collections"] = collections_with(request.user, adapter=adapter)
        context |= lineage_context(request.user, revision) | downloads_context(adapter)
        if is_evaluated(adapter):
            context |= scores_context(request.user, revision) | {"history": history(request.user, adapter)}
    return render(request, "adapter/page.html", context)


def visible_revisions(request: HttpRequest, adapter: Adapter) -> list[Revision]:
    """The adapter's revisions that the viewer may see: versions from the highest down, then the rest, newest first."""
    found = Revision.objects.visible_to(request.user).filter(adapter=adapter).exclude(state="withdrawn")
    rows = list(found.select_related("version", "author").order_by("-created_at", "-id")[:MOST_REVISIONS])
    named = [row for row in rows if hasattr(row, "version")]
    named.sort(key=lambda row: version_key(row.version.name), reverse=True)
    return named + [row for row in rows if not hasattr(row, "version")]


def revision_context(revision: Revision, hub_url: str) -> dict[str, Any]:
    """What the parts of a page about one revision show; shared by the adapter's page and the review."""
    version = revision.version.name if hasattr(revision, "version") else ""
    ref = version or revision.commit_id
    base = revision.base_model.name if revision.base_model else ""
    return {
        "ref": ref,
        "cautions": cautions_of(revision.task, revision.tags),
        "fit": fit_of(revision),
        "declared_base": str((revision.facts.get("base") or {}).get("declared") or revision.claims.get("base") or ""),
        "facts": fact_rows(revision.facts),
        "claims": claim_rows(revision),
        "claimed_scores": claims_of(revision),
        "findings": finding_lines(revision.report),
        "disagreements": disagreements(revision.report),
        "evidence": evidence_rows(revision),
        "spectrum": spectrum_of(revision.facts),
        "snippets": load_snippets(hub_url, revision.adapter.full_name, ref, base, revision.facts),
        "card_html": card_html(revision.card),
        "review": next(iter(revision.reviews.all()), None),
    }


def scores_context(viewer: Actor, revision: Revision) -> dict[str, Any]:
    """What was measured of the revision, as far as the viewer may see the sets."""
    analysed = analysed_of(viewer, revision)
    scores = score_lines(scores_of(viewer, revision))
    return {
        "scores": scores,
        "best": best_line(scores),
        "other_evaluations": others_of(viewer, revision),
        "together": together_of(viewer, revision),
        "uncertainties": newest_uncertainties(viewer, revision),
        "analysed": analysed,
        "inside": inside_of(analysed) if analysed else None,
    }


def card_html(card: str) -> str:
    """The card as safe HTML whose headings stand below those of the page: its h1 becomes h3."""
    if not card.strip():
        return ""
    return _HEADING.sub(lambda found: f"<{found[1]}h{min(int(found[2]) + 2, 6)}>", render_card(card))


def _shown(request: HttpRequest, adapter: Adapter, version: str, revisions: list[Revision]) -> Revision | None:
    """The revision asked for; for an adapter without a published version, the newest that the viewer may see."""
    default = adapter.default_version
    if version or (default is not None and any(row.pk == default.revision_id for row in revisions)):
        return get_revision(request.user, adapter, version)
    if not revisions:
        return None
    newest = max(revisions, key=lambda row: (row.created_at, row.pk))
    return get_revision(request.user, adapter, newest.commit_id)
