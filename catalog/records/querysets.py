"""Which records somebody may see: everybody sees all that are not withdrawn."""

from typing import TYPE_CHECKING

from django.db import models

from catalog.accounts.querysets import Actor, is_staff

if TYPE_CHECKING:
    from catalog.records.models import Record  # noqa: F401  (named in the base class below)


class RecordQuerySet(models.QuerySet["Record", "Record"]):
    """Records by who may see them."""

    def live(self) -> "RecordQuerySet":
        """Without those that an administrator took out."""
        return self.filter(withdrawn_at=None)

    def visible_to(self, actor: Actor) -> "RecordQuerySet":
        """What other catalogues made public is public here; administrators see what they took out, too."""
        return self.all() if is_staff(actor) else self.live()
