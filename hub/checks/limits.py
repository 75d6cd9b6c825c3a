"""Numbers that would work against the hub."""

from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


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


@register()
def check_metrics_networks(**kwargs: Any) -> list[CheckMessage]:
    """hub.E012: a network that may read the metrics is not written as one."""
    wrong = [network for network in settings.HUB_METRICS_NETWORKS if not _is_network(network)]
    if not wrong:
        return []
    return [
        Error(
            f"HUB_METRICS_NETWORKS: {wrong[0]!r} is no network",
            hint="Write addresses or networks with commas between: 127.0.0.1,10.0.0.0/8",
            id="hub.E012",
        )
    ]


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
