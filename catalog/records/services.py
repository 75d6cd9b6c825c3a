"""What an administrator does with records: takes one out, and puts it back."""

from django.db import transaction
from django.utils import timezone

from catalog.accounts.models import User
from catalog.accounts.querysets import is_staff
from catalog.errors import InvalidInput, NotPermitted
from catalog.records.models import Record
from catalog.reviews.audit import record as record_event
from catalog.search.records import index_record


@transaction.atomic
def withdraw_record(actor: User, record: Record, *, reason: str) -> Record:
    """Take a record out of page, search and collections; an import does not bring it back.

    Raises NotPermitted, InvalidInput (no reason).
    """
    if not is_staff(actor):
        raise NotPermitted(detail="only an administrator takes a record out")
    if not reason.strip():
        raise InvalidInput(detail="a reason is missing", field="reason", hint="It goes into the audit log.")
    record.withdrawn_at = record.withdrawn_at or timezone.now()
    record.save(update_fields=["withdrawn_at"])
    index_record(record)
    record_event(actor, "withdraw_record", record, before="elsewhere", after="withdrawn", note=reason.strip())
    return record


@transaction.atomic
def restore_record(actor: User, record: Record) -> Record:
    """Put it back. Raises NotPermitted."""
    if not is_staff(actor):
        raise NotPermitted(detail="only an administrator puts a record back")
    record.withdrawn_at = None
    record.save(update_fields=["withdrawn_at"])
    index_record(record)
    record_event(actor, "restore_record", record, before="withdrawn", after="elsewhere")
    return record
