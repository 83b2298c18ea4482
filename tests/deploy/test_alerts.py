"""The alert rules: each fires when it should, and only then, by Prometheus' own `promtool`; each has a runbook."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from chart import CHART, ROOT, only, render, values_of

RULES = CHART / "files/alerts.yaml"
RUNBOOKS = ROOT / "docs/runbooks"
ALERTS = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
# Values are promtool's notation, such as `0x20`, and no numbers.
CASES = yaml.load((Path(__file__).parent / "alerts.yaml").read_text(), yaml.BaseLoader)

# Where everything is required, a missing program is a failure.
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool") and "TASKSERVER_TEST_REQUIRE_ALL" not in os.environ, reason="promtool is not installed"
)


def promtool(*arguments):
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)


def series(name):
    """A series with the labels that Prometheus gives to all of a server's."""
    name, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})?", name).groups()
    labels = dict(re.findall(r'(\w+)="([^"]*)"', labels or ""))
    labels = {"job": "taskserver", "instance": "pod-0"} | labels
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"


def promtool_test(alert, case):
    """A test as promtool reads it: in this case the alert fires as described or, without a description, not at all."""
    rule = ALERTS[alert]
    fires = []
    if "description" in case:
        labels = {"job": "taskserver", **case["labels"], **rule["labels"]}
        fires = [{"exp_labels": labels, "exp_annotations": rule["annotations"] | {"description": case["description"]}}]
    return {
        "name": f"{alert} at {case['at']}",
        "interval": "1m",
        "input_series": [{"series": series(name), "values": values} for name, values in case["series"].items()],
        "alert_rule_test": [{"eval_time": case["at"], "alertname": alert, "exp_alerts": fires}],
    }


@needs_promtool
@pytest.mark.parametrize("alert", ALERTS)
def test_the_alert_fires_when_it_should_and_only_then(alert, tmp_path):
    assert CASES[alert]["fires"] and CASES[alert]["rests"]
    tests = [promtool_test(alert, case) for case in CASES[alert]["fires"] + CASES[alert]["rests"]]
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    result = promtool("test", "rules", file)
    assert result.returncode == 0, result.stdout + result.stderr


@needs_promtool
def test_the_rules_are_valid_also_in_the_chart(tmp_path):
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(yaml.safe_dump(only(render(values_of("replicas")), "PrometheusRule")["spec"]))
    for file in [RULES, rendered]:
        result = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
        assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_its_cases_and_its_runbook_and_every_runbook_its_alert():
    assert CASES.keys() == ALERTS.keys()
    pages = {page.stem: page.read_text() for page in RUNBOOKS.glob("*.md") if page.stem != "README"}
    assert pages.keys() == ALERTS.keys()
    index = (RUNBOOKS / "README.md").read_text()
    for alert, page in pages.items():
        assert page.startswith(f"# {alert}\n"), alert
        assert re.findall("^## (.*)$", page, re.M) == ["What it means", "What to look at", "What to do"], alert
        assert ALERTS[alert]["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{alert}.md"), alert
        assert f"[{alert}]({alert}.md)" in index, alert


def test_the_chart_has_the_same_alerts_for_its_own_release():
    spec = only(render(values_of("replicas")), "PrometheusRule")["spec"]
    rules = {rule["alert"]: rule for group in spec["groups"] for rule in group["rules"]}
    assert ALERTS.keys() <= rules.keys()
    for alert, rule in ALERTS.items():
        assert 'job="taskserver"' in rule["expr"], alert
        assert rules[alert]["expr"].replace('namespace="ir",job="taskserver"', 'job="taskserver"') == rule["expr"]
        assert rules[alert] | {"expr": ""} == rule | {"expr": ""}
