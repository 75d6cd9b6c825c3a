"""nginx before the web processes, with the configuration that docker-compose.yml uses too."""

import re
import signal
from collections.abc import Sequence
from pathlib import Path

import httpx

from cluster.binaries import MissingProgramError, find_program
from cluster.ports import free_port
from cluster.process import REPOSITORY, Server, run

TEMPLATE = REPOSITORY / "deploy" / "nginx.conf"
_PLACE = re.compile(r"\$\{(HUB_\w+)\}")
# What the image brings of itself: this process stays in the foreground, writes only below its folder and has no log of
# errors outside it.
_MAIN = """
daemon off;
worker_processes 1;
pid {folder}/nginx.master.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    include {mime};
    default_type application/octet-stream;
    sendfile on;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
    include {folder}/hub.conf;
}}
"""


class Nginx(Server):
    """The one address that people know. ``upstreams`` are the ports of the web processes."""

    # SIGQUIT lets running answers finish.
    stop_signal = signal.SIGQUIT

    def __init__(self, folder: Path, upstreams: Sequence[int], *, port: int = 0, max_body: str = "9m") -> None:
        super().__init__("nginx", folder)
        self.port = port or free_port()
        self.upstreams = list(upstreams)
        self.max_body = max_body

    @property
    def url(self) -> str:
        """Where the hub answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def access_log(self) -> Path:
        """One line for each request."""
        return self.folder / "access.log"

    def command(self) -> Sequence[str]:
        """``nginx`` in the foreground."""
        return [_program(), "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]

    def prepare(self) -> None:
        """Write the configuration and have nginx check it. Raises ServerFailedError."""
        (self.folder / "temp").mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        mime = "/etc/nginx/mime.types"
        main = _MAIN.format(folder=self.folder, mime=mime)
        (self.folder / "nginx.conf").write_text(main)
        (self.folder / "hub.conf").write_text(fill(TEMPLATE.read_text(), self.places()))
        run([*self.command(), "-t"], environment={})

    def places(self) -> dict[str, str]:
        """What the words in braces of deploy/nginx.conf stand for."""
        servers = " ".join(f"server 127.0.0.1:{port} max_fails=2 fail_timeout=2s;" for port in self.upstreams)
        return {
            "HUB_NGINX_LISTEN": f"127.0.0.1:{self.port}",
            "HUB_NGINX_SERVERS": servers,
            "HUB_NGINX_RESOLVER": "",
            "HUB_NGINX_SCHEME": "http",
            "HUB_NGINX_MAX_BODY": self.max_body,
            "HUB_NGINX_MAX_ANSWER": "1024m",
            "HUB_NGINX_TEMP": str(self.folder / "temp"),
            "HUB_NGINX_ACCESS_LOG": str(self.access_log),
        }

    def is_ready(self) -> bool:
        """Whether the hub answers through it."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def fill(template: str, places: dict[str, str]) -> str:
    """The template with every ``${HUB_...}`` filled in. Raises KeyError for one that ``places`` lacks."""
    return _PLACE.sub(lambda match: places[match.group(1)], template)


def _program() -> str:
    return find_program("nginx", package="nginx-light")


def why_not() -> str:
    """Why nginx cannot run here, or an empty string."""
    try:
        _program()
    except MissingProgramError as error:
        return str(error)
    return ""
