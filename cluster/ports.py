"""Ports of this machine that nobody uses yet, and whether somebody answers on one."""

import socket

_given: set[int] = set()


def free_port() -> int:
    """A port that was free a moment ago and that this process has not been given before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def is_listening(port: int) -> bool:
    """Whether a connection to this port of this machine is accepted."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
