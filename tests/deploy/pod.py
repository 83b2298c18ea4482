"""Runs the server's container as a cluster would, from the chart's own render: the environment and the files that the kubelet
makes of the objects, a user who is not root, and a root file system that is read-only and has nothing but the binary, the time
zones that the image's base brings, and the devices that every container runtime gives.

Needs root, for the file system.
"""

import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import tzdata

from chart import container, only, pod_spec

USER = 65532
TIME_ZONES = Path(tzdata.__file__).parent / "zoneinfo"
# Those of the default devices of the OCI runtime specification that a server may need.
DEVICES = ["null", "random", "urandom"]
# Mounts what is meant to be writable over a root that is not, in a mount namespace of its own.
ENTER = f"""
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind "$2" "$1/data"
for device in {" ".join(DEVICES)}; do mount --bind "/dev/$device" "$1/dev/$device"; done
mount -o remount,bind,ro "$1"
root=$1
shift 2
exec setpriv --no-new-privs unshare --root="$root" --wd=/data --setuid={USER} --setgid={USER} /taskserver "$@"
"""


def environment(objects, secrets=None, services=None):
    """The container's environment. `secrets` are those which the chart refers to, `services` the variables of other Services."""
    known = {o["metadata"]["name"]: o["stringData"] for o in objects if o["kind"] == "Secret"} | (secrets or {})
    found = dict(services or {}) if pod_spec(objects)["enableServiceLinks"] else {}
    for source in container(objects).get("envFrom", []):
        if "secretRef" in source:
            found |= known[source["secretRef"]["name"]]
    for variable in container(objects)["env"]:
        if "valueFrom" in variable:
            reference = variable["valueFrom"]["secretKeyRef"]
            found[variable["name"]] = known[reference["name"]][reference["key"]]
        else:
            found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found.get(match[1], match[0]), variable["value"])
    return found


def files(objects, secrets=None):
    """What is mounted: the content of each file by its path."""
    known = {o["metadata"]["name"]: o["stringData"] for o in objects if o["kind"] == "Secret"} | (secrets or {})
    mounts = {mount["name"]: mount["mountPath"] for mount in container(objects)["volumeMounts"]}
    found = {}
    for volume in pod_spec(objects)["volumes"]:
        if "configMap" in volume:
            for name, text in only(objects, "ConfigMap", volume["configMap"]["name"])["data"].items():
                found[f"{mounts[volume['name']]}/{name}"] = text
        for source in volume.get("projected", {}).get("sources", []):
            for item in source["secret"]["items"]:
                found[f"{mounts[volume['name']]}/{item['path']}"] = known[source["secret"]["name"]][item["key"]]
    return found


class Pod:
    """The running container."""

    def __init__(self, process, port, data, log):
        self.process, self.port, self.data, self.log = process, port, data, log

    def get(self, path):
        """The status and body of an answer; no status while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None, ""

    def wait_for(self, what, condition, seconds=30):
        """Waits until a condition holds, and returns its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if value := condition():
                return value
            time.sleep(0.1)
        raise AssertionError(f"{what}: not within {seconds} s\n{self.log.read_text()}")

    def wait_until_ready(self):
        self.wait_for("ready", lambda: self.get("/readyz")[0] == 200)

    def stop(self):
        """Ends it as the kubelet does; its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=45)


@contextmanager
def run(binary, objects, directory, secrets=None, services=None, arguments=()):
    """Runs the server of these objects in `directory`."""
    root, data, log = directory / "root", directory / "data", directory / "log"
    (root / "data").mkdir(parents=True)
    data.mkdir()
    (root / "dev").mkdir()
    for device in DEVICES:
        (root / "dev" / device).touch()
    shutil.chown(data, USER, USER)
    shutil.copy(binary, root / "taskserver")
    shutil.copytree(TIME_ZONES, root / "usr/share/zoneinfo")
    for path, text in files(objects, secrets).items():
        mounted = root / path.lstrip("/")
        if not mounted.parent.exists():
            (mounted.parent / "..2026_11_24").mkdir(parents=True)
            (mounted.parent / "..data").symlink_to("..2026_11_24")
        # Through the symlinks with which Kubernetes changes all files of a volume at once.
        (mounted.parent / "..data" / mounted.name).write_text(text)
        mounted.symlink_to(f"..data/{mounted.name}")
    # The directories above belong to root, and pytest's are closed to others.
    for parent in [directory, *directory.parents]:
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    with log.open("w") as output:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", ENTER, "sh", root, data, *arguments],
            env=environment(objects, secrets, services),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        [port] = container(objects)["ports"]
        yield Pod(process, port["containerPort"], data, log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
