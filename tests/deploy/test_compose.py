"""The compose file starts in order, keeps its data, reaches nothing but this machine, and has no password in it."""

import re

import pytest
import yaml

from chart import CHART, ROOT

DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
# The image of the server has its own health check.
IN_IMAGE = {"taskserver"}

services = pytest.mark.parametrize("name", SERVICES)


def test_all_that_a_deployment_has_is_there():
    assert {"taskserver", "mariadb", "redis", "prometheus", "grafana"} <= SERVICES.keys()
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["postgres"]


@services
def test_a_service_waits_until_those_it_needs_are_healthy(name):
    for needed, gate in SERVICES[name].get("depends_on", {}).items():
        assert gate == {"condition": "service_healthy"}
        assert needed in IN_IMAGE or SERVICES[needed]["healthcheck"]["test"]


@services
def test_a_service_has_a_health_check(name):
    assert ("healthcheck" in SERVICES[name]) != (name in IN_IMAGE)
    assert "HEALTHCHECK" in (DOCKER / "Dockerfile").read_text()


def test_what_the_server_needs_and_who_needs_the_server():
    assert SERVICES["taskserver"]["depends_on"].keys() == {"mariadb", "redis"}
    assert SERVICES["prometheus"]["depends_on"].keys() == {"taskserver"}
    assert SERVICES["grafana"]["depends_on"].keys() == {"prometheus"}


@services
def test_data_is_kept_in_volumes(name):
    volumes = [volume.split(":")[0] for volume in SERVICES[name]["volumes"]]
    assert name in volumes and name in COMPOSE["volumes"]
    for path in volumes:
        assert not path.startswith(".") or (DOCKER / path).exists()


@services
def test_ports_are_of_this_machine_only(name):
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in SERVICES[name]["ports"])


@services
def test_images_have_versions(name):
    assert re.fullmatch(r"[a-z0-9./-]+:(v?\d[\w.-]*|local)", SERVICES[name]["image"])


def test_every_password_is_a_variable_that_must_be_set():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable:
                assert re.fullmatch(r"\$\{\w+_PASSWORD(:\?copy docker/\.env\.example to docker/\.env)?\}", value), name


def test_the_example_sets_every_variable_and_no_other():
    used = set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text()))
    example = dict(line.split("=") for line in (DOCKER / ".env.example").read_text().splitlines() if not line.startswith("#"))
    assert example.keys() == used
    assert set(example.values()) == {"local-only"}


def test_the_file_with_the_passwords_is_not_committed():
    assert ".env" in (DOCKER / ".gitignore").read_text().splitlines()


def test_the_server_is_as_locked_in_as_in_the_cluster():
    server = SERVICES["taskserver"]
    assert server["read_only"] is True
    assert server["cap_drop"] == ["ALL"]
    assert server["security_opt"] == ["no-new-privileges:true"]


def mounts_of(service):
    return dict(volume.split(":")[:2] for volume in SERVICES[service]["volumes"])


def test_prometheus_scrapes_the_server_and_has_the_alerts_of_the_chart():
    prometheus = yaml.safe_load((DOCKER / "prometheus/prometheus.yaml").read_text())
    [job] = prometheus["scrape_configs"]
    assert job == {"job_name": "taskserver", "static_configs": [{"targets": ["taskserver:5050"]}]}
    [rules] = prometheus["rule_files"]
    [alerts] = [path for path, mount in mounts_of("prometheus").items() if mount == f"/etc/prometheus/{rules}"]
    assert (DOCKER / alerts).resolve() == CHART / "files/alerts.yaml"


def test_grafana_finds_the_dashboard_of_the_chart_and_its_data():
    provisioning = DOCKER / "grafana/provisioning"
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((provisioning / "dashboards/taskserver.yaml").read_text())["providers"]
    mounts = mounts_of("grafana")
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    [dashboard] = [path for path, mount in mounts.items() if mount.startswith(provider["options"]["path"] + "/")]
    assert (DOCKER / dashboard).resolve() == CHART / "files/dashboard.json"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == mounts[dashboard]
