"""The Dockerfile is clean, makes an image that meets the chart's demands, and has everything that the build reads."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from chart import ROOT, pod_spec, render

DOCKERFILE = ROOT / "docker/Dockerfile"
TEXT = DOCKERFILE.read_text()
WORKSPACE = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]


def instructions():
    """The instructions, as (name, arguments), with continued lines joined."""
    lines = "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    return [tuple(line.split(None, 1)) for line in lines.replace("\\\n", "").splitlines() if line.strip()]


def final_stage():
    found = instructions()
    last = max(index for index, (name, _) in enumerate(found) if name == "FROM")
    return found[last:]


def copied():
    """What the build stage copies from the sources, as patterns."""
    for name, arguments in instructions():
        if name == "COPY" and "--from" not in arguments:
            *sources, _ = [word for word in arguments.split() if not word.startswith("--")]
            yield from sources


def test_the_linter_finds_nothing():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_the_user_that_the_chart_says():
    stage = dict(final_stage())
    context = pod_spec(render())["securityContext"]
    assert stage["USER"] == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert f"--chown={stage['USER']} /image/data /data" in " ".join(arguments for _, arguments in final_stage())
    assert (stage["WORKDIR"], stage["VOLUME"]) == ("/data", '["/data"]')


def test_the_image_needs_no_shell():
    stage = final_stage()
    assert stage[0][1].startswith("gcr.io/distroless/static")
    assert not [name for name, _ in stage if name in ("RUN", "SHELL", "CMD")]
    stage = dict(stage)
    assert stage["ENTRYPOINT"] == '["/taskserver"]'
    assert stage["HEALTHCHECK"].endswith('CMD ["/taskserver", "health"]')


def test_the_image_sets_nothing_over_the_platforms_variables():
    assert "ENV" not in dict(final_stage())


def test_the_compiler_is_the_stated_one():
    assert f"ARG RUST_VERSION={WORKSPACE['package']['rust-version']}\n" in TEXT


def test_every_platform_is_built_by_the_builders_own_compiler():
    stages = [arguments for name, arguments in instructions() if name == "FROM"]
    assert all(stage.startswith("--platform=$BUILDPLATFORM ") for stage in stages[:-1])
    bake = (ROOT / "docker/bake.hcl").read_text()
    assert 'platforms  = ["linux/amd64", "linux/arm64"]' in bake
    # What is handed over is asked for.
    arguments = set(re.findall(r"^ARG (\w+)", TEXT, re.MULTILINE))
    handed = set(re.findall(r"^    (\w+) +=", bake.split("args = {")[1].split("}")[0], re.MULTILINE))
    assert handed - {"SOURCE_DATE_EPOCH"} == arguments & {"VERSION", "REVISION", "CREATED"} == {"VERSION", "REVISION", "CREATED"}


def test_what_is_copied_is_in_the_context():
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    allowed = [line[1:] for line in ignore if line.startswith("!")]
    for pattern in copied():
        assert list(ROOT.glob(pattern)), pattern
        assert any(pattern == entry or pattern.startswith(f"{entry}/") for entry in allowed), pattern


def test_what_the_sources_include_is_copied():
    roots = [ROOT / pattern for pattern in copied() if "*" not in pattern and not pattern.endswith((".toml", ".lock"))]
    included = []
    for member in ["bins", "crates"]:
        for source in (ROOT / member).glob("*/src/**/*.rs"):
            code = source.read_text().split("#[cfg(test)]")[0]
            for name in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', code):
                included.append(((source.parent / name).resolve(), source))
    assert included
    for path, source in included:
        assert path.is_file(), (path, source)
        assert any(path.is_relative_to(root) for root in roots), (path, source)


@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not there")
def test_the_dependency_layer_is_a_workspace(tmp_path):
    [copy] = [arguments for name, arguments in instructions() if name == "COPY" and "--parents" in arguments]
    *patterns, _ = [word for word in copy.split() if not word.startswith("--")]
    for pattern in patterns:
        for path in ROOT.glob(pattern):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for member in WORKSPACE["members"]:
        manifests = [path.relative_to(ROOT) / "Cargo.toml" for path in ROOT.glob(member) if (path / "Cargo.toml").exists()]
        assert manifests and all((tmp_path / manifest).exists() for manifest in manifests)

    # The layer's own commands, but that cargo reads the workspace where it would build it.
    [script] = [arguments for name, arguments in instructions() if name == "RUN" and "for manifest" in arguments]
    script = re.sub(r"--mount=\S+", "", script)
    script, build = script.rsplit("xx-cargo", 1)
    assert build.split()[:4] == ["build", "--release", "--locked", "--package"]
    script += "cargo metadata --no-deps --locked --offline --format-version 1 > metadata.json"
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"name":"taskserver"' in (tmp_path / "metadata.json").read_text()
