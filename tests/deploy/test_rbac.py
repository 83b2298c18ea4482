"""The rights that the chart gives are those that the enabled features need, where they need them, and no others."""

import json

import pytest
import yaml

from chart import NAMESPACE, ROOT, kinds, only, pod_spec, render

# What the server was seen to call, feature by feature (bins/taskserver/tests/process/calls.rs).
RECORDINGS = json.loads((ROOT / "tests/data/kubernetes/calls.json").read_text())
# What Kubernetes' own roles `system:discovery` and `system:basic-user` let every account ask.
FOR_EVERYONE = {"get /version", "get /apis", "post /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"}
EVERYWHERE = "*"


def call(text):
    """`get leases.coordination.k8s.io` as (API group, resource, verb)."""
    verb, name = text.split()
    resource, _, group = name.partition(".")
    return group, resource, verb


def calls(recording):
    return {namespace: {call(text) for text in texts} for namespace, texts in recording["calls"].items()}


def recorded(feature):
    """The calls of a feature, wherever it makes them."""
    return {
        call
        for recording in RECORDINGS
        if recording["feature"] == feature
        for found in calls(recording).values()
        for call in found
    }


EVENTS = recorded("events")
AGONES = recorded("agones")
LEASES = recorded("leases")


def rights(objects):
    """What the server's account may do: for each namespace, or everywhere, a set of (API group, resource, verb)."""
    spec = pod_spec(objects)
    account = {"kind": "ServiceAccount", "name": spec["serviceAccountName"], "namespace": NAMESPACE}
    found = {}
    for binding in objects:
        if binding["kind"] not in ("RoleBinding", "ClusterRoleBinding"):
            continue
        assert binding["subjects"] == [account]
        reference = binding["roleRef"]
        [role] = [
            o
            for o in objects
            if (o["kind"], o["metadata"]["name"]) == (reference["kind"], reference["name"])
            and o["metadata"].get("namespace") == binding["metadata"].get("namespace")
        ]
        granted = {
            (group, resource, verb)
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        found.setdefault(binding["metadata"].get("namespace", EVERYWHERE), set()).update(granted)
    return found


def features(*names, **rbac):
    return {"rbac": {**{name: {"enabled": True} for name in names}, **rbac}}


def config(objects):
    return yaml.safe_load(only(objects, "ConfigMap")["data"]["taskserver.yaml"])


def in_namespaces(feature, namespaces):
    """The values by which a feature works in these namespaces."""
    if feature == "events":
        return features(feature, namespaces=namespaces)
    [namespace] = namespaces
    return {"rbac": {feature: {"enabled": True, **({"namespace": namespace} if feature == "agones" else {})}}}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: f"{recording['feature']}-{recording['namespaces']}")
def test_rights_are_the_recorded_calls_and_nothing_more(recording):
    objects = render(in_namespaces(recording["feature"], recording["namespaces"]))
    assert rights(objects) == calls(recording)
    assert set(recording["other"]) <= FOR_EVERYONE


def test_every_feature_has_its_recording():
    assert {recording["feature"] for recording in RECORDINGS} == {"events", "agones", "leases"}


@pytest.mark.parametrize("namespaces", [[], ["games", "ir"], ["*"]])
def test_events_are_collected_where_the_rights_are(namespaces):
    objects = render(in_namespaces("events", namespaces))
    settings = config(objects)["kubernetes"]
    assert settings["events"].get("namespaces", EVERYWHERE).split(",") == list(rights(objects)) == (namespaces or [NAMESPACE])
    assert settings["events"]["enabled"] is True
    assert settings["agones"] == {"enabled": False}


@pytest.mark.parametrize("namespace", ["", "games", "*"])
def test_game_servers_are_counted_where_the_rights_are(namespace):
    objects = render(in_namespaces("agones", [namespace]))
    settings = config(objects)["kubernetes"]
    assert [settings["agones"].get("namespace", EVERYWHERE)] == list(rights(objects)) == [namespace or NAMESPACE]
    assert settings["agones"]["enabled"] is True
    assert settings["events"] == {"enabled": False}


def test_only_the_releases_own_lease_can_be_held():
    objects = render(features("leases"), release="prod")
    names = [rule.get("resourceNames") for rule in only(objects, "Role")["rules"]]
    assert names == [None, [config(objects)["leadership"]["lease_name"]]] == [None, ["prod-taskserver"]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {}),
        (features("events"), {NAMESPACE: EVENTS}),
        (features("agones"), {NAMESPACE: AGONES}),
        (features("leases"), {NAMESPACE: LEASES}),
        (features("events", "agones", "leases"), {NAMESPACE: EVENTS | AGONES | LEASES}),
        (features("events", "agones", namespaces=["a", "b"]), {"a": EVENTS, "b": EVENTS, NAMESPACE: AGONES}),
        (features("events", "leases", namespaces=["a"]), {"a": EVENTS, NAMESPACE: LEASES}),
        (features("events", namespaces=["a", "*"]), {EVERYWHERE: EVENTS}),
        (
            features("events", "leases", namespaces=["*"], agones={"enabled": True, "namespace": "*"}),
            {EVERYWHERE: EVENTS | AGONES, NAMESPACE: LEASES},
        ),
        (features("events", "agones", "leases", create=False), {}),
    ],
)
def test_rights_are_those_of_the_enabled_features(values, expected):
    assert rights(render(values)) == expected


def test_no_role_is_without_its_binding():
    objects = render(features("events", "agones", "leases", namespaces=["a", "b"]))
    roles = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in objects if o["kind"] == "Role"}
    bindings = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in objects if o["kind"] == "RoleBinding"}
    assert roles == bindings and len(roles) == 4


def test_a_token_is_given_only_to_those_who_use_the_api():
    assert pod_spec(render())["automountServiceAccountToken"] is False
    for feature in ["events", "agones", "leases"]:
        assert pod_spec(render(features(feature)))["automountServiceAccountToken"] is True
    assert only(render(features("events")), "ServiceAccount")["automountServiceAccountToken"] is False


def test_releases_in_two_namespaces_do_not_share_cluster_roles():
    objects = render({**features("events", namespaces=["*"])})
    assert only(objects, "ClusterRole")["metadata"]["name"] == f"{NAMESPACE}-taskserver-events"


def test_rights_go_to_an_account_that_is_there_already():
    values = {**features("events"), "serviceAccount": {"create": False, "name": "there"}}
    objects = render(values)
    assert "ServiceAccount" not in kinds(objects)
    assert pod_spec(objects)["serviceAccountName"] == "there"
    assert rights(objects) == {NAMESPACE: EVENTS}
