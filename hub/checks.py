"""System checks with stable ids: each names a wrong combination of settings and its fix."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.utils.module_loading import import_string

from storage import open_store


@register()
def check_storage(**kwargs: Any) -> list[CheckMessage]:
    """hub.E001: the storage URL names no store that this build can open."""
    try:
        open_store(settings.HUB_STORAGE_URL)
    except ValueError as error:
        return [Error(str(error), hint="Set HUB_STORAGE_URL to a path or to s3://bucket?endpoint=...", id="hub.E001")]
    return []


@register()
def check_sender(**kwargs: Any) -> list[CheckMessage]:
    """hub.E002: the job sender cannot be imported."""
    try:
        import_string(settings.HUB_JOB_SENDER)
    except ImportError as error:
        return [Error(f"HUB_JOB_SENDER: {error}", hint="Leave it at workers.sender.send.", id="hub.E002")]
    return []


@register()
def check_lease(**kwargs: Any) -> list[CheckMessage]:
    """hub.E003: a lease shorter than its renewals would always be lost."""
    if settings.HUB_JOB_LEASE_SECONDS < 3:
        return [Error("HUB_JOB_LEASE_SECONDS is under 3", hint="Use 30.", id="hub.E003")]
    return []


@register()
def check_part_size(**kwargs: Any) -> list[CheckMessage]:
    """hub.E004: parts so small that a push is mostly requests; hub.W001: so large that a lost one costs much."""
    if settings.HUB_PART_SIZE_BYTES < 1 << 10:
        return [Error("HUB_PART_SIZE_BYTES is under 1 KiB", hint="Use 8388608.", id="hub.E004")]
    if settings.HUB_PART_SIZE_BYTES > 128 << 20:
        return [Warning("HUB_PART_SIZE_BYTES is over 128 MiB", hint="Use 8388608.", id="hub.W001")]
    return []
