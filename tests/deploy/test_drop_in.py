"""In drop-in mode the chart gives what iR Engine's own chart gives its task server: names, labels, ports and environment.

What is expected here was taken from renders of that chart (1.1.4) with the same values.
"""

import pytest

from chart import NAMESPACE, container, env, kinds, only, pod_spec, render, values_of

FULLNAME = "prod-ir-engine-taskserver"
SELECTOR = {
    "app.kubernetes.io/name": "ir-engine",
    "app.kubernetes.io/instance": "prod",
    "app.kubernetes.io/component": "taskserver",
}
# The environment of the platform's container, the Secrets' contents aside.
ENVIRONMENT = {
    "SERVER_MODE": "task",
    "KUBERNETES": "true",
    "MYSQL_USER": "server",
    "MYSQL_DATABASE": "ir-engine",
    "MYSQL_HOST": "db.example.com",
    "MYSQL_PORT": "3304",
    "REDIS_ENABLED": "true",
    "REDIS_ADDRESS": "$(PROD_REDIS_MASTER_SERVICE_HOST)",
    "REDIS_PORT": "$(PROD_REDIS_MASTER_SERVICE_PORT)",
    "RELEASE_NAME": "prod",
}
FROM_SECRETS = {"REDIS_PASSWORD": ("prod-redis", "redis-password"), "AUTH_SECRET": ("auth", "secret")}
PLAIN = {
    "APP_ENV": "production",
    "STORAGE_S3_REGION": "us-east-1",
    "TASKSERVER_ENABLED": "true",
    "TASKSERVER_PORT": "3030",
    "TASKSERVER_PROCESS_INTERVAL": "10000",
}
# What the chart sets over it: the platform knows nothing of these.
OWN = {"TASKSERVER_CONFIG_DIR", "TASKSERVER_PROFILE", "TASKSERVER__HTTP__PORT"}


@pytest.fixture(name="objects", params=["prod-task", "anything"])
def rendered(request):
    # Whatever this release is called.
    return render(values_of("drop-in"), release=request.param)


def test_names_are_the_platforms(objects):
    for kind in ["Deployment", "Service", "ConfigMap", "ServiceAccount"]:
        assert only(objects, kind)["metadata"]["name"] == FULLNAME
    assert pod_spec(objects)["serviceAccountName"] == FULLNAME
    assert container(objects)["name"] == "ir-engine"


def test_labels_are_the_platforms(objects):
    deployment = only(objects, "Deployment")
    assert deployment["spec"]["selector"]["matchLabels"] == SELECTOR
    assert deployment["spec"]["template"]["metadata"]["labels"] == SELECTOR
    assert only(objects, "Service")["spec"]["selector"] == SELECTOR
    for kind in ["Deployment", "Service", "ConfigMap", "ServiceAccount"]:
        assert SELECTOR.items() <= only(objects, kind)["metadata"]["labels"].items()


def test_ports_are_the_platforms(objects):
    [port] = container(objects)["ports"]
    assert port == {"name": "http", "containerPort": 3030, "protocol": "TCP"}
    service = only(objects, "Service")["spec"]
    assert service["type"] == "ClusterIP"
    assert service["ports"] == [{"name": "http", "port": 3030, "targetPort": "http", "protocol": "TCP"}]


def test_the_environment_is_the_platforms(objects):
    variables = env(objects)
    assert {name: v["value"] for name, v in variables.items() if "value" in v and name not in OWN} == ENVIRONMENT
    references = {name: v["valueFrom"]["secretKeyRef"] for name, v in variables.items() if "valueFrom" in v}
    password = references.pop("MYSQL_PASSWORD")
    assert {name: (ref["name"], ref["key"]) for name, ref in references.items()} == FROM_SECRETS

    # What the platform has in plain text is in a Secret here.
    secret = only(objects, "Secret")
    assert container(objects)["envFrom"] == [{"secretRef": {"name": secret["metadata"]["name"]}}]
    assert secret["stringData"] == {**PLAIN, "MYSQL_PASSWORD": "pass: word"}
    assert password == {"name": secret["metadata"]["name"], "key": "MYSQL_PASSWORD"}
    # The address of Redis is made of what Kubernetes tells about Services.
    assert pod_spec(objects)["enableServiceLinks"] is True


def test_the_image_and_its_resources_are_ours(objects):
    assert container(objects)["image"].startswith("ghcr.io/ir-engine/taskserver:")
    assert container(objects)["resources"]["limits"] == {"memory": "256Mi"}


def test_pods_go_where_the_platforms_went(objects):
    spec = pod_spec(objects)
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    [term] = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term == {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["ng-1"]}]}
    assert only(objects, "ServiceAccount")["metadata"]["annotations"] == {"iam.example.com/identity": "taskserver"}


def test_it_has_no_right_that_nothing_uses(objects):
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} & kinds(objects)


def test_an_older_platform_keeps_its_names_too():
    objects = render(values_of("drop-in-mariadb"), release="anything")
    deployment, service = only(objects, "Deployment"), only(objects, "Service")
    assert deployment["metadata"]["name"] == service["metadata"]["name"] == "old-stage-xrengine-taskserver"
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["selector"]["matchLabels"] == {
        "app.kubernetes.io/name": "etherealengine",
        "app.kubernetes.io/instance": "old-stage",
        "app.kubernetes.io/component": "taskserver",
    }
    assert (service["spec"]["type"], service["spec"]["ports"][0]["port"]) == ("NodePort", 3031)
    assert container(objects)["ports"][0]["containerPort"] == 5050
    assert "ServiceAccount" not in kinds(objects) and pod_spec(objects)["serviceAccountName"] == "shared"

    variables = env(objects)
    plain = {name: v["value"] for name, v in variables.items() if "value" in v and name not in OWN}
    # `release.name` names the platform to its parts, the release its objects.
    assert plain == {
        **ENVIRONMENT,
        "MYSQL_DATABASE": "etherealengine",
        "MYSQL_HOST": "stage-mariadb",
        "MYSQL_PORT": "3306",
        "REDIS_ADDRESS": "$(STAGE_REDIS_MASTER_SERVICE_HOST)",
        "REDIS_PORT": "$(STAGE_REDIS_MASTER_SERVICE_PORT)",
        "RELEASE_NAME": "stage",
    }
    assert variables["MYSQL_PASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "stage-mariadb", "key": "mariadb-password"}
    assert variables["REDIS_PASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "stage-redis", "key": "redis-password"}


def test_what_the_platforms_values_leave_out_is_the_platforms_default():
    objects = render({"dropIn": {"enabled": True}, "release": {"name": "prod"}, "sql": {"host": "db", "password": None}})
    assert only(objects, "Deployment")["metadata"]["name"] == FULLNAME
    assert container(objects)["ports"][0]["containerPort"] == 3030
    assert only(objects, "Service")["spec"]["ports"][0]["port"] == 3030
    assert only(objects, "Secret")["stringData"] == {"MYSQL_PASSWORD": ""}
    variables = env(objects)
    assert (variables["MYSQL_USER"]["value"], variables["MYSQL_PORT"]["value"]) == ("server", "3304")


def test_our_own_settings_count_over_the_platforms():
    values = values_of("drop-in")
    values["config"]["http"] = {"port": 8080}
    values["extraEnv"] = [{"name": "TASKSERVER__TASKS__ANALYTICS__EVERY", "value": "30m"}]
    objects = render(values)
    assert container(objects)["ports"][0]["containerPort"] == 8080
    assert container(objects)["env"][-1] == values["extraEnv"][0]


def test_numbers_among_the_platforms_variables_stay_as_they_are_written():
    values = values_of("drop-in")
    values["taskserver"]["extraEnv"] = {"A": 10000000, "B": True, "C": "0123", "MYSQL_PASSWORD": "other"}
    secret = only(render(values), "Secret")["stringData"]
    assert secret == {"A": "10000000", "B": "true", "C": "0123", "MYSQL_PASSWORD": "pass: word"}


def test_the_namespace_is_the_releases(objects):
    assert {o["metadata"]["namespace"] for o in objects} == {NAMESPACE}
