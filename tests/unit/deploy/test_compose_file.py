"""docker-compose.yml: valid by the compose specification, without a default secret, and as closed as it can be."""

import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cluster.nginx import TEMPLATE, Nginx
from tests.unit.deploy.compose import EXAMPLE, REPOSITORY, MissingVariable, example, raw, read, variables

HUB = ("web", "worker-cpu", "worker-gpu", "beat", "migrate")
ONE_SHOT = ("migrate", "s3-folders")
# Read by libraries: boto3, gunicorn, prometheus-client, Python's tempfile.
FOREIGN = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "FORWARDED_ALLOW_IPS", "PROMETHEUS_MULTIPROC_DIR", "TMPDIR"}
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|_KEY$")
REQUIRED = sorted({name for name, kind, _ in variables() if kind == "?"})


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Every service, with the values of deploy/env.example."""
    found: dict[str, Any] = read(example())["services"]
    return found


def seconds(duration: str) -> int:
    match = re.fullmatch(r"(\d+)s", duration)
    assert match, duration
    return int(match[1])


def test_the_file_follows_the_compose_specification() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(raw())] == []
    assert [error.message for error in validator.iter_errors(read(example()))] == []
    assert list(validator.iter_errors({"services": {"web": {"imagine": "x"}}})), "the schema refuses nothing"


@pytest.mark.parametrize("name", REQUIRED)
def test_a_required_variable_that_is_missing_or_empty_stops_everything_and_says_what_it_wants(name: str) -> None:
    complete = example()
    for environment in ({**complete, name: ""}, {key: value for key, value in complete.items() if key != name}):
        with pytest.raises(MissingVariable, match=f"{name}: put .+ into .env"):
            read(environment)


def test_the_example_names_every_required_variable_and_holds_no_secret() -> None:
    lines = [line.split("=", 1) for line in EXAMPLE.read_text().splitlines() if re.match(r"[A-Z]", line)]
    named = {name for name, _ in lines}
    assert set(REQUIRED) <= named
    assert {name: value for name, value in lines if SECRET.search(name) and value} == {}
    known = {name for name, _, _ in variables()}
    assert named <= known, "the example sets what the file never reads"
    commented = set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", EXAMPLE.read_text(), flags=re.M))
    assert commented <= known


def test_no_secret_has_a_default() -> None:
    assert [name for name, kind, text in variables() if SECRET.search(name) and kind == "-" and text] == []
    bare = {name for name, kind, _ in variables() if kind is None}
    assert bare <= set(REQUIRED), "read without a default and demanded nowhere"


def test_every_variable_of_the_hub_is_one_that_it_reads(services: dict[str, Any]) -> None:
    read_somewhere = set(FOREIGN)
    for file in ("hub/settings.py", "deploy/gunicorn.conf.py"):
        read_somewhere |= set(re.findall(r"[(\[]\"([A-Z][A-Z0-9_]+)\"", (REPOSITORY / file).read_text()))
    for name in HUB:
        assert set(services[name]["environment"]) <= read_somewhere, name


@pytest.mark.parametrize("name", ["web", "worker-cpu"])
def test_the_system_checks_find_nothing_wrong_with_what_the_file_sets(
    services: dict[str, Any], name: str, tmp_path: Path
) -> None:
    environment = {key: str(value) for key, value in services[name]["environment"].items()}
    environment |= {"PATH": os.environ["PATH"], "HUB_DATA_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    environment |= {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)} if "PROMETHEUS_MULTIPROC_DIR" in environment else {}
    command = [sys.executable, "manage.py", "check", "--fail-level", "ERROR"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nginx_is_told_what_its_configuration_asks_for(services: dict[str, Any]) -> None:
    asked = set(re.findall(r"\$\{(HUB_NGINX_\w+)\}", TEMPLATE.read_text()))
    given = {name for name in services["proxy"]["environment"] if name.startswith("HUB_NGINX_")}
    assert asked == given == set(Nginx(Path("unused"), [1]).places())


def test_every_container_is_closed_as_far_as_it_can_be(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        # The images of the hub and of nginx-unprivileged name an unprivileged user themselves.
        assert name in (*HUB, "proxy", "s3-folders") or service["user"] not in ("", "root", "0"), name
    assert services["s3-folders"]["cap_add"] == ["CHOWN"]


def test_only_the_proxy_and_the_store_are_reached_from_outside(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if service.get("ports")} == {"proxy", "s3"}
    on_front = {name for name, service in services.items() if "front" in service.get("networks", [])}
    assert on_front == {"proxy", "s3"}
    assert read(example())["networks"]["back"]["internal"] is True


def test_the_folder_of_figures_is_there_before_anything_starts(services: dict[str, Any]) -> None:
    folder = services["web"]["environment"]["PROMETHEUS_MULTIPROC_DIR"]
    assert [mount for mount in services["web"]["tmpfs"] if mount.startswith(f"{folder}:")]


def test_what_runs_for_ever_is_started_again_and_what_serves_is_watched(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped"), name
        assert ("healthcheck" in service) == (name not in (*ONE_SHOT, "beat")), name


def test_nobody_is_killed_before_it_has_stopped_in_order(services: dict[str, Any]) -> None:
    graceful = re.search(r"graceful_timeout = (\d+)", (REPOSITORY / "deploy" / "gunicorn.conf.py").read_text())
    assert graceful
    for name in ("web", "proxy", "worker-cpu", "worker-gpu"):
        assert seconds(services[name]["stop_grace_period"]) > int(graceful[1]), name


def test_tables_are_made_before_anybody_needs_them(services: dict[str, Any]) -> None:
    for name in ("web", "worker-cpu", "worker-gpu", "beat"):
        waits_for = services[name]["depends_on"]
        assert waits_for["migrate"] == {"condition": "service_completed_successfully"}
        assert {waits_for[store]["condition"] for store in ("postgres", "redis", "s3")} == {"service_healthy"}


def test_the_gpu_worker_asks_for_a_gpu_and_starts_only_when_told_to(services: dict[str, Any]) -> None:
    worker = services["worker-gpu"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert worker["profiles"] == ["gpu"]
    assert "gpu" in services["worker-cpu"]["command"], "without a GPU worker nobody would run the jobs of its queue"


def test_what_is_kept_lies_in_named_volumes_and_every_mounted_file_exists(services: dict[str, Any]) -> None:
    named, mounted = set(read(example())["volumes"]), set()
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in named or (source.startswith("./") and (REPOSITORY / source).is_file()), volume
            mounted.add(source)
    assert named <= mounted


def test_every_foreign_image_names_its_version(services: dict[str, Any]) -> None:
    foreign = [service["image"] for service in services.values() if "build" not in service]
    assert all(re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image) for image in foreign), foreign


def test_every_worker_shows_its_figures_to_its_neighbours_and_to_nobody_else(services: dict[str, Any]) -> None:
    for name in ("worker-cpu", "worker-gpu"):
        shown = services[name]["environment"]
        assert (shown["HUB_METRICS_PORT"], shown["HUB_METRICS_ADDRESS"]) == ("9101", "0.0.0.0")
        assert shown["HUB_SECRET_KEY"], "beside what every process of the hub knows"
        assert (services[name]["networks"], services[name].get("ports")) == (["back"], None)
    assert raw()["networks"]["back"] == {"internal": True}
