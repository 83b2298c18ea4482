"""The chart renders to valid objects for every case of `values/`, and to what was reviewed in `golden/`.

After a change that is meant, write the renders anew and review them: UPDATE_GOLDEN=1 pytest tests/deploy
"""

import json
import os
import tomllib
from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
import yaml

from chart import CASES, CHART, ROOT, container, env, kinds, only, pod_spec, render, render_texts, values_of

# The oldest that the chart supports, and the newest that there are schemas for.
KUBERNETES = ["1.25", kubernetes_validate.latest_version()]
# Kinds of operators, which Kubernetes has no schemas for.
CUSTOM = {"ServiceMonitor", "PrometheusRule"}

cases = pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)


@cases
def test_the_linter_finds_nothing(case):
    report = helm_python.lint(CHART, values_of(case), strict=True)
    remarks = [m for m in report["messages"] if "icon is recommended" not in m["error"]]
    assert (remarks, report["errors"]) == ([], [])


@cases
@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_every_object_is_valid(case, kubernetes):
    objects = render(values_of(case))
    assert {"Deployment", "Service", "ConfigMap", "Pod"} <= kinds(objects)
    for object_ in objects:
        if object_["kind"] not in CUSTOM:
            kubernetes_validate.validate(object_, kubernetes, strict=True)


@cases
def test_the_render_is_the_reviewed_one(case):
    golden = Path(__file__).parent / "golden" / case.name
    text = "".join(f"# {name}\n{text}" for name, text in render_texts(values_of(case)).items())
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_every_golden_render_has_its_case():
    assert {path.name for path in (Path(__file__).parent / "golden").iterdir()} == {path.name for path in CASES}


@cases
def test_pods_meet_the_restricted_standard(case):
    objects = render(values_of(case))
    for spec in [pod_spec(objects), only(objects, "Pod")["spec"]]:
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert not any("hostPath" in volume for volume in spec.get("volumes", []))
        context = spec["containers"][0]["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not any("hostPort" in port for port in spec["containers"][0].get("ports", []))


@cases
def test_what_refers_to_each_other_fits(case):
    objects = render(values_of(case))
    deployment, service = only(objects, "Deployment"), only(objects, "Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in [deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]]:
        assert selector.items() <= labels.items()
    assert not service["spec"]["selector"].items() <= only(objects, "Pod")["metadata"]["labels"].items()

    [port] = container(objects)["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"] == "http"
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
        assert container(objects)[probe]["httpGet"]["port"] == port["name"]
    assert env(objects)["TASKSERVER__HTTP__PORT"]["value"] == str(port["containerPort"])

    volumes = {volume["name"]: volume for volume in pod_spec(objects)["volumes"]}
    assert {mount["name"] for mount in container(objects)["volumeMounts"]} == volumes.keys()
    assert volumes["config"]["configMap"]["name"] == only(objects, "ConfigMap")["metadata"]["name"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(objects)["volumeMounts"]}
    assert env(objects)["TASKSERVER_CONFIG_DIR"]["value"] == mounts["config"]
    # Every secret that is mounted is told to the server, and the other way round.
    sources = volumes.get("secrets", {}).get("projected", {}).get("sources", [])
    files = [f"{mounts['secrets']}/{item['path']}" for source in sources for item in source["secret"]["items"]]
    told = [v["value"] for v in env(objects).values() if v["name"].startswith("TASKSERVER__") and v["name"].endswith("_FILE")]
    assert files == told


@cases
def test_objects_are_in_a_namespace_and_say_what_they_belong_to(case):
    everywhere = {"ClusterRole", "ClusterRoleBinding"}
    for object_ in render(values_of(case)):
        assert ("namespace" in object_["metadata"]) == (object_["kind"] not in everywhere)
        labels = object_["metadata"]["labels"]
        assert {"helm.sh/chart", "app.kubernetes.io/name", "app.kubernetes.io/instance"} <= labels.keys()


@cases
def test_no_secret_is_in_a_config_map_or_a_pod(case):
    objects = render(values_of(case))
    secrets = [
        value for o in objects if o["kind"] == "Secret" for key, value in o["stringData"].items() if "assword" in key.lower()
    ]
    elsewhere = json.dumps([o for o in objects if o["kind"] != "Secret"])
    assert not [secret for secret in secrets if secret in elsewhere]


def test_the_embedded_database_has_a_volume_and_one_writer():
    objects = render()
    claim = only(objects, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    [data] = [volume for volume in pod_spec(objects)["volumes"] if volume["name"] == "data"]
    assert data["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert only(objects, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    "values",
    [
        {"secrets": {"databaseUrl": {"existingSecret": "a"}}},
        {"secrets": {"databaseUrl": {"value": "postgres://a"}}},
        {"config": {"database": {"url": "mysql://a"}}},
        {"config": {"database": {"url_file": "/a"}}},
        {"extraEnv": [{"name": "MYSQL_HOST", "value": "a"}]},
        {"extraEnv": [{"name": "TASKSERVER__DATABASE__URL", "value": "mysql://a"}]},
    ],
)
def test_another_database_needs_no_volume(values):
    objects = render(values)
    assert "PersistentVolumeClaim" not in kinds(objects)
    [data] = [volume for volume in pod_spec(objects)["volumes"] if volume["name"] == "data"]
    assert data["emptyDir"] == {}
    assert "strategy" not in only(objects, "Deployment")["spec"]


def test_replicas_need_no_right_to_elect_a_leader_by_their_database():
    objects = render({"replicaCount": 3, "secrets": {"databaseUrl": {"existingSecret": "a"}}})
    assert only(objects, "Deployment")["spec"]["replicas"] == 3
    assert not {"Role", "ClusterRole"} & kinds(objects)


def test_metrics_can_have_a_port_of_their_own():
    values = {"serviceMonitor": {"enabled": True}, "networkPolicy": {"enabled": True}}

    def ports(config):
        objects = render({**values, "config": config})
        return (
            {port["name"]: port["containerPort"] for port in container(objects)["ports"]},
            {port["name"]: port["port"] for port in only(objects, "Service")["spec"]["ports"]},
            [endpoint["port"] for endpoint in only(objects, "ServiceMonitor")["spec"]["endpoints"]],
            [port["port"] for port in only(objects, "NetworkPolicy")["spec"]["ingress"][0]["ports"]],
        )

    both = {"http": 5050, "admin": 5051}
    assert ports({}) == ({"http": 5050}, {"http": 5050}, ["http"], ["http"])
    assert ports({"http": {"admin_port": 5051}}) == (both, both, ["admin"], ["http", "admin"])


def test_an_existing_secret_counts_before_a_value():
    objects = render({"secrets": {"redisPassword": {"existingSecret": "there", "value": "unused"}}})
    assert "Secret" not in kinds(objects)
    [secrets] = [volume for volume in pod_spec(objects)["volumes"] if volume["name"] == "secrets"]
    [source] = secrets["projected"]["sources"]
    assert source["secret"]["name"] == "there"


def test_a_change_of_configuration_or_secrets_starts_new_pods():
    def checksums(values):
        return only(render(values), "Deployment")["spec"]["template"]["metadata"]["annotations"]

    before = checksums({"secrets": {"redisPassword": {"value": "a"}}})
    after = checksums({"secrets": {"redisPassword": {"value": "b"}}, "config": {"log": {"level": "debug"}}})
    assert before["checksum/config"] != after["checksum/config"]
    assert before["checksum/secret"] != after["checksum/secret"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"config": {"database": {"password": "x"}}}, "config.database.password: a ConfigMap is no place for a password"),
        ({"config": {"database": {"url": "mysql://a:b@c/d"}}}, "config.database.url: a ConfigMap is no place for a password"),
        ({"config": {"redis": {"password": "x"}}}, "config.redis.password: a ConfigMap is no place for a password"),
        ({"config": {"redis": {"sentinel": {"password": "x"}}}}, "config.redis.sentinel.password: a ConfigMap is no place"),
        ({"config": {"authentication": {"secret": "x"}}}, "config.authentication.secret: a ConfigMap is no place for a secret"),
        ({"replicaCount": 2}, "replicaCount: the embedded database is a file that one replica writes"),
        (
            {"replicaCount": 2, "secrets": {"databaseUrl": {"value": "mysql://a"}}, "config": {"leadership": {"mode": "always"}}},
            "config.leadership.mode: with `always` each of several replicas runs all tasks",
        ),
        (
            {"serviceAccount": {"create": False}, "rbac": {"events": {"enabled": True}}},
            "rbac.create: the rights would go to the namespace's default service account",
        ),
        ({"dropIn": {"enabled": True}}, "dropIn.release: the name of the platform's Helm release is needed"),
        ({"dropIn": {"enabled": True, "release": "prod"}}, "dropIn.enabled: the platform's values are needed"),
        ({"replicas": 2}, "replicas"),
        ({"sql": {"host": "a"}}, "sql"),
        ({"config": {"http": {"prot": 80}}}, "prot"),
        ({"config": {"http": {"port": "http"}}}, "port"),
        ({"config": {"tasks": {"analytics": {"evry": "1m"}}}}, "evry"),
        ({"image": {"digest": "latest"}}, "digest"),
    ],
)
def test_wrong_values_are_refused_with_the_reason(values, message):
    with pytest.raises((helm_python.HelmRenderError, helm_python.HelmValuesError)) as error:
        render(values)
    assert message in str(error.value)


def test_names_are_the_releases_and_the_charts():
    def name(release, **values):
        return only(render(values, release), "Deployment")["metadata"]["name"]

    assert name("taskserver") == "taskserver"
    assert name("my-taskserver") == "my-taskserver"
    assert name("prod") == "prod-taskserver"
    assert name("prod", nameOverride="tasks") == "prod-tasks"
    assert name("prod", fullnameOverride="background") == "background"
    assert name("a" * 53) == "a" * 53 + "-taskserve"


def test_the_grace_period_is_longer_than_the_shutdown():
    shutdown = tomllib.loads((ROOT / "config/default.toml").read_text())["shutdown"]["timeout"]
    assert pod_spec(render())["terminationGracePeriodSeconds"] > int(shutdown.removesuffix("s"))


def test_the_version_is_the_workspaces():
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_monitors_find_the_service():
    objects = render(values_of("replicas"))
    monitor, service = only(objects, "ServiceMonitor"), only(objects, "Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint["port"] == service["spec"]["ports"][0]["name"]
    assert (endpoint["path"], endpoint["interval"]) == ("/metrics", "30s")
    # The operator names the job after the Service.
    groups = only(objects, "PrometheusRule")["spec"]["groups"]
    for rule in groups[0]["rules"]:
        assert f'job="{service["metadata"]["name"]}"' in rule["expr"]
        assert f'namespace="{service["metadata"]["namespace"]}"' in rule["expr"]
    assert groups[1] == {"name": "taskserver-more", "rules": values_of("replicas")["prometheusRule"]["rules"]}


def test_replicas_are_spread_by_their_own_labels_unless_others_are_given():
    own, other = {"maxSkew": 1, "topologyKey": "zone"}, {"maxSkew": 1, "labelSelector": {"matchLabels": {"a": "b"}}}
    objects = render({"topologySpreadConstraints": [own, other]})
    selector = only(objects, "Deployment")["spec"]["selector"]
    assert pod_spec(objects)["topologySpreadConstraints"] == [{**own, "labelSelector": selector}, other]


def test_the_network_policy_lets_through_what_the_server_needs():
    def egress(values):
        policy = only(render({"networkPolicy": {"enabled": True}, **values}), "NetworkPolicy")
        return {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}

    assert egress({}) == {53, 3306, 5432, 6379}
    assert egress({"rbac": {"events": {"enabled": True}}}) == {53, 3306, 5432, 6379, 443, 6443}
    assert egress({"dropIn": {"enabled": True}, "release": {"name": "a"}, "sql": {"host": "b"}}) == {53, 3304, 3306, 5432, 6379}


def test_the_dashboard_is_a_config_map_that_grafanas_sidecar_finds():
    annotations = {"grafana_folder": "iR Engine"}
    objects = render({"grafanaDashboard": {"enabled": True, "annotations": annotations}})
    dashboard = only(objects, "ConfigMap", "taskserver-dashboard")
    for kubernetes in KUBERNETES:
        kubernetes_validate.validate(dashboard, kubernetes, strict=True)
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"] == annotations
    [text] = dashboard["data"].values()
    assert text.strip() == (CHART / "files/dashboard.json").read_text().strip()
