"""Who refers to a row, asked of the models themselves: a table that comes later is not forgotten."""

from typing import Any

from django.db.models import ForeignObjectRel, Model


def referring(model: type[Model]) -> list[tuple[type[Model], Any]]:
    """Every model with a foreign key to ``model``, and that field; also those that give no way back (``+``)."""
    found = model._meta.get_fields(include_hidden=True)
    return [(each.related_model, each.field) for each in found if isinstance(each, ForeignObjectRel)]
