"""The release binary works in the pod that the chart renders: `just static-binary`, then `just test-deploy`.

Needs root, and a MariaDB and a Redis to start. Without these it is skipped, or fails with TASKSERVER_TEST_REQUIRE_ALL=1.
"""

import os
import re
import shutil
import sqlite3
import struct
import tomllib
from pathlib import Path

import pytest

import pod
import services
from chart import CASES, ROOT, container, render, values_of
from test_drop_in import OWN

BINARY = os.environ.get("TASKSERVER_BIN")
LARGEST = 25 * 2**20

MISSING = [
    reason
    for there, reason in [
        (BINARY, "TASKSERVER_BIN does not name a static release binary"),
        (os.geteuid() == 0, "making a root file system needs root"),
        (shutil.which("mariadb-install-db"), "MariaDB is not installed"),
        (shutil.which("redis-server"), "Redis is not installed"),
    ]
    if not there
]
assert not MISSING or os.environ.get("TASKSERVER_TEST_REQUIRE_ALL") != "1", MISSING
pytestmark = pytest.mark.skipif(bool(MISSING), reason="; ".join(MISSING))

# The contents of the Secrets that the cases refer to.
SECRETS = {
    "platform-database": {
        "database-url": "mysql://server@127.0.0.1:3306/ir-engine",
        "database-password": "secret",
        "ca.pem": (Path(__file__).parent / "data/ca.pem").read_text(),
    },
    "platform-auth": {"AUTH_SECRET": "secret"},
    "prod-redis": {"redis-password": "secret"},
    "stage-redis": {"redis-password": "secret"},
    "stage-mariadb": {"mariadb-password": "secret"},
    "auth": {"secret": "secret"},
}
LINKS = {
    f"{release}_REDIS_MASTER_SERVICE_{part}": value
    for release in ["PROD", "STAGE"]
    for part, value in [("HOST", "127.0.0.1"), ("PORT", "6379")]
}


def types(binary):
    """The types of an ELF file's segments, and of its sections."""
    data = Path(binary).read_bytes()
    segments, sections = struct.unpack_from("<QQ", data, 32)
    segment_size, segment_count, section_size, section_count = struct.unpack_from("<HHHH", data, 54)
    return (
        {struct.unpack_from("<I", data, segments + index * segment_size)[0] for index in range(segment_count)},
        {struct.unpack_from("<I", data, sections + index * section_size + 4)[0] for index in range(section_count)},
    )


def test_the_binary_is_static_stripped_and_small():
    interpreter, symbol_table = 3, 2
    segments, sections = types(BINARY)
    assert interpreter not in segments
    assert sections and symbol_table not in sections
    assert os.path.getsize(BINARY) <= LARGEST


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_the_server_takes_every_configuration_that_the_chart_renders(case, tmp_path):
    objects = render(values_of(case))
    with pod.run(BINARY, objects, tmp_path, SECRETS, LINKS, ["config", "--check"]) as checked:
        assert checked.process.wait(timeout=30) == 0, checked.log.read_text()


def test_a_setting_of_the_chart_is_in_effect(tmp_path):
    objects = render({"config": {"http": {"max_connections": 77}, "tasks": {"analytics": {"every": "45s"}}}})
    with pod.run(BINARY, objects, tmp_path, arguments=["config"]) as shown:
        assert shown.process.wait(timeout=30) == 0, shown.log.read_text()
        text = shown.log.read_text()
    config = tomllib.loads(text)
    assert config["http"]["max_connections"] == 77
    assert config["tasks"]["analytics"]["every"] == "45s"
    for setting in ["max_connections = 77", 'every = "45s"', "enabled = true"]:
        assert re.search(f"^{re.escape(setting)} *# /etc/taskserver/taskserver.yaml:", text, re.MULTILINE), text


def test_it_works_in_an_empty_read_only_root(tmp_path):
    objects = render({"config": {"http": {"port": pod.free_port()}, "tasks": {"analytics": {"every": "1s"}}}})
    with pod.run(BINARY, objects, tmp_path) as server:
        server.wait_until_ready()
        assert server.get("/livez")[0] == 200
        database = f"file:{server.data}/taskserver.db?mode=ro"

        def rows():
            with sqlite3.connect(database, uri=True) as connection:
                return connection.execute("SELECT type, count FROM analytics").fetchall()

        found = server.wait_for("a cycle is stored", rows)
        assert "activeChannels" in dict(found)
        health = ["health"]
        with pod.run(BINARY, objects, tmp_path / "probe", arguments=health) as probe:
            assert probe.process.wait(timeout=30) == 0, probe.log.read_text()
        assert server.stop() == 0, server.log.read_text()


@pytest.mark.parametrize("literal", [False, True], ids=["chart", "literal"])
def test_it_works_in_the_place_of_the_platforms_server(literal, tmp_path):
    values = values_of("drop-in")
    values["config"] = {}
    with services.mariadb(tmp_path) as database, services.redis(tmp_path) as redis:
        database.run((ROOT / "tests/data/platform/mysql.sql").read_text(), database.database)
        database.run(
            "INSERT INTO channel (id, name, createdAt, updatedAt) VALUES"
            " ('00000000-0000-4000-8000-000000000001', 'a', NOW(), NOW()),"
            " ('00000000-0000-4000-8000-000000000002', 'b', NOW(), NOW())",
            database.database,
        )
        values["sql"] = {
            "database": database.database,
            "user": database.user,
            "password": database.password,
            "host": "127.0.0.1",
            "port": database.port,
        }
        extra = values["taskserver"]["extraEnv"]
        extra["TASKSERVER_PORT"] = str(pod.free_port())
        extra["TASKSERVER_PROCESS_INTERVAL_SECONDS"] = "1"
        objects = render(values, release="prod-task")
        if literal:
            # The platform's own environment and nothing of ours.
            variables = container(objects)["env"]
            variables[:] = [variable for variable in variables if variable["name"] not in OWN]
            variables.append({"name": "NODE_CONFIG", "value": "{}"})
        secrets = {**SECRETS, "prod-redis": {"redis-password": redis.password}}
        links = {"PROD_REDIS_MASTER_SERVICE_HOST": "127.0.0.1", "PROD_REDIS_MASTER_SERVICE_PORT": str(redis.port)}

        with pod.run(BINARY, objects, tmp_path / "pod", secrets, links) as server:
            server.wait_until_ready()
            status, body = server.get("/healthcheck")
            assert status == 200 and body.startswith('{"uptime":')
            select = "SELECT count FROM analytics WHERE type = 'activeChannels'"
            assert server.wait_for("a cycle is stored", lambda: database.run(select, database.database))[0] == "2"
            server.wait_for("Redis is reached", lambda: "[+]redis ok" in server.get("/readyz?verbose")[1])
            assert server.stop() == 0, server.log.read_text()
            log = server.log.read_text()
        assert database.password not in log and redis.password not in log
