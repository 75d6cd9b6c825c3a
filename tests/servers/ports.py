"""Ports of this machine that nobody uses yet, and whether somebody answers on one."""

from cluster.ports import free_port, is_listening

__all__ = ["free_port", "is_listening"]
