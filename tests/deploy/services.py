"""A MariaDB and a Redis for a test, in a throwaway directory."""

import shutil
import subprocess
import time
from contextlib import contextmanager

from pod import free_port


@contextmanager
def serving(command, ready, seconds=60):
    """Runs a server; `ready` says whether it serves."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + seconds
        while not ready():
            assert process.poll() is None and time.monotonic() < end, f"{command[0]} did not start"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


class MariaDb:
    """A MariaDB with the user `server`, who has a database of his own."""

    user, password, database = "server", "pa:ss@word/%", "ir-engine"

    def __init__(self, port, socket):
        self.port, self.socket = port, socket

    def run(self, sql, database=None):
        """Runs statements as root; the rows, with columns separated by tabs."""
        command = ["mariadb", "--no-defaults", "--user=root", f"--socket={self.socket}", "--batch", "--skip-column-names"]
        done = subprocess.run([*command, *([database] if database else [])], input=sql, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@contextmanager
def mariadb(directory):
    data, socket, port = directory / "mariadb", directory / "mariadb.sock", free_port()
    install = ["mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run([*install, f"--datadir={data}"], check=True, capture_output=True)
    command = [
        shutil.which("mariadbd") or "/usr/sbin/mariadbd",
        "--no-defaults",
        "--user=root",
        f"--datadir={data}",
        f"--socket={socket}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--character-set-server=utf8mb4",
    ]
    ping = ["mariadb-admin", "--no-defaults", "--user=root", f"--socket={socket}", "ping"]
    with serving(command, lambda: subprocess.run(ping, capture_output=True).returncode == 0):
        server = MariaDb(port, socket)
        server.run(
            f"CREATE DATABASE `{server.database}`;"
            f"CREATE USER '{server.user}'@'127.0.0.1' IDENTIFIED BY '{server.password}';"
            f"GRANT ALL ON `{server.database}`.* TO '{server.user}'@'127.0.0.1';"
        )
        yield server


class Redis:
    password = "re:dis/%"

    def __init__(self, port):
        self.port = port

    def command(self, *arguments):
        return ["redis-cli", "--no-auth-warning", "-a", self.password, "-p", str(self.port), *arguments]


@contextmanager
def redis(directory):
    server = Redis(free_port())
    command = ["redis-server", "--port", str(server.port), "--bind", "127.0.0.1", "--requirepass", server.password]
    ping = server.command("ping")
    with serving(
        [*command, "--dir", str(directory), "--save", ""],
        lambda: "PONG" in subprocess.run(ping, capture_output=True, text=True).stdout,
    ):
        yield server
