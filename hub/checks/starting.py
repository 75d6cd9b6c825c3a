"""A process that serves or works looks at the checks before it begins."""

import logging

from django.core import checks
from django.core.management.base import SystemCheckError

log = logging.getLogger(__name__)


def refuse_to_start_wrongly() -> None:
    """Run every check that needs no database: log the warnings.

    Raises:
        SystemCheckError: naming each error, its id and its fix.
    """
    found = [message for message in checks.run_checks() if not message.is_silenced()]
    errors = [message for message in found if message.is_serious()]
    for message in found:
        if message not in errors:
            log.warning("%s: %s Fix: %s", message.id, message.msg, message.hint)
    if errors:
        lines = "\n".join(f"{message.id}: {message.msg}\n    Fix: {message.hint}" for message in errors)
        raise SystemCheckError(f"the hub does not start like this:\n{lines}")
