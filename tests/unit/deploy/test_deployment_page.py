"""docs/DEPLOYMENT.md: what it tells people to type works as typed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cluster.nginx import why_not
from tests.unit.deploy.compose import REPOSITORY

PAGE = (REPOSITORY / "docs" / "DEPLOYMENT.md").read_text()


def test_the_commands_that_fill_in_the_proxys_configuration_give_one_that_nginx_takes(tmp_path: Path) -> None:
    if reason := why_not() or ("" if shutil.which("envsubst") else "needs envsubst: apt-get install gettext-base"):
        pytest.skip(reason)
    commands = re.search(r"^    export HUB_NGINX_LISTEN.*?\n\n", PAGE, flags=re.M | re.S)
    assert commands
    conf = tmp_path / "hub.conf"
    (tmp_path / "temp").mkdir()
    typed = commands[0].replace("/etc/nginx/conf.d/hub.conf && nginx -t", str(conf))
    typed = typed.replace("/var/lib/nginx/hub", str(tmp_path / "temp")).replace("/var/log/nginx", str(tmp_path))
    subprocess.run(["bash", "-euo", "pipefail", "-c", typed], cwd=REPOSITORY, check=True)
    main = f"events {{}}\nhttp {{ include {conf}; }}\npid {tmp_path}/pid;\n"
    (tmp_path / "nginx.conf").write_text(main)
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert nginx
    command = [nginx, "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert "test is successful" in checked.stderr, checked.stderr
    assert "$http_host" in conf.read_text()
    assert "HUB_NGINX" not in conf.read_text()


def test_every_variable_of_the_environment_file_is_one_that_the_hub_reads() -> None:
    settings = (REPOSITORY / "hub" / "settings.py").read_text()
    block = PAGE.split("/etc/adapter-hub.env", 1)[1].split("`manage.py check`", 1)[0]
    named = set(re.findall(r"^    ([A-Z][A-Z0-9_]+)=", block, flags=re.M))
    assert len(named) > 8
    assert {name for name in named if f'"{name}"' not in settings} == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def test_no_line_of_the_environment_file_or_the_unit_has_a_comment_at_its_end() -> None:
    lines = [line for line in PAGE.splitlines() if re.match(r"    [A-Z][A-Za-z_]+=", line)]
    assert len(lines) > 20
    assert not [line for line in lines if " #" in line], "systemd would take it for a part of the value"
