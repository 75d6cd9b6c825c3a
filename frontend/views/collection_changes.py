"""What a collection's people do on its pages: make it, change its list and its words, delete it."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from catalog.accounts.models import Namespace, User
from catalog.accounts.querysets import WRITE_ROLES
from catalog.accounts.services import role_in
from catalog.collections.changing import add_items, set_items
from catalog.collections.models import Collection
from catalog.collections.queries import get_collection, get_collection_revision, items_of
from catalog.collections.services import create_collection, delete_collection, update_collection
from catalog.errors import Conflict, DomainError, NotPermitted
from frontend.errors import status_of

Line = tuple[str, str]


@login_required
def new_collection(request: HttpRequest) -> HttpResponse:
    """The form that makes a collection, and what it sends."""
    user, given = cast(User, request.user), request.POST
    error: DomainError | None = None
    if request.method == "POST":
        try:
            made = create_collection(
                user,
                full_name=f"{given.get('namespace', '')}/{given.get('name', '')}",
                visibility=given.get("visibility", "public"),
                summary=given.get("summary", ""),
            )
            if names := given.get("items", "").split():
                add_items(user, made, names)
        except DomainError as refusal:
            error = refusal
        else:
            return redirect("collection", made.namespace.name, made.name)
    namespaces = Namespace.objects.live().filter(memberships__user=user, memberships__role__in=WRITE_ROLES)
    posted = given if request.method == "POST" else request.GET
    # Not by the form's own name for them: a template would take the method ``items`` of what was posted.
    context: dict[str, Any] = {"posted": posted, "listed": posted.get("items", ""), "error": error}
    context["namespaces"] = namespaces.order_by("name")
    return render(request, "collection/new.html", context, status=status_of(error) if error else 200)


@login_required
def edit_collection(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """One form for the whole list and the words. Raises NotFound and NotPermitted.

    What was changed by somebody else meanwhile is not overwritten: the form is shown again over the new list.
    """
    user = cast(User, request.user)
    collection = get_collection(user, f"{namespace}/{name}")
    if role_in(user, collection.namespace) not in WRITE_ROLES:
        raise NotPermitted(detail="only writers of the namespace change its collections")
    error: DomainError | None = None
    if request.method == "POST":
        try:
            _save(user, collection, request.POST)
        except DomainError as refusal:
            error = refusal
        else:
            messages.success(request, _("Saved."))
            return redirect("collection", collection.namespace.name, collection.name)
    revision = get_collection_revision(get_collection(user, f"{namespace}/{name}"))
    items = list(items_of(user, revision))
    context: dict[str, Any] = {
        "collection": collection,
        "revision": revision,
        "lines": [(item, f"records/{item}" if item.kind == "record" else str(item)) for item in items],
        "posted": request.POST,
        "error": error,
    }
    return render(request, "collection/edit.html", context, status=status_of(error) if error else 200)


@require_POST
@login_required
def remove_collection(request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    """Delete it. Raises NotFound and NotPermitted."""
    user = cast(User, request.user)
    collection = get_collection(user, f"{namespace}/{name}")
    delete_collection(user, collection)
    messages.success(request, _("%(name)s is deleted.") % {"name": str(collection)})
    return redirect("collections")


def _save(user: User, collection: Collection, given: QueryDict) -> None:
    """Every word and line of the form. A line keeps its place unless its number was changed."""
    seen = int(given.get("seen", "0") or 0) if given.get("seen", "").isdecimal() else 0
    if seen != collection.number:
        raise Conflict(
            "collection_changed",
            _("Somebody changed this collection meanwhile; it is at revision %(number)s now.")
            % {"number": collection.number},
            hint=_("Look at the list below, and save again."),
        )
    message = given.get("message", "")
    lines = _lines(given) + [(name, "") for name in given.get("add", "").split()]
    set_items(user, collection, lines, message=message, expected=seen)
    update_collection(
        user,
        collection,
        summary=given.get("summary", collection.summary),
        description=given.get("description", collection.description),
        visibility=given.get("visibility", collection.visibility),
    )


def _lines(given: QueryDict) -> list[Line]:
    names, notes, places = given.getlist("name"), given.getlist("note"), given.getlist("place")
    gone = set(given.getlist("remove"))
    rows = []
    for at, (name, note, place) in enumerate(zip(names, notes, places, strict=False), start=1):
        wanted = int(place) if place.isdecimal() and len(place) < 6 else at
        # Moved up it goes before, moved down behind, the line that has the number now.
        rows.append((wanted, (wanted > at) - (wanted < at), at, (name, note)))
    return [line for *_, line in sorted(rows) if line[0] not in gone]
