"""The rights that the chart gives are those that the enabled features need, where they need them, and no others."""

import pytest

from chart import NAMESPACE, kinds, only, pod_spec, render

EVENTS = {("", "events", "list"), ("", "events", "watch")}
AGONES = {
    ("agones.dev", resource, verb)
    for resource in ["fleets", "gameservers", "gameserversets"]
    for verb in ["get", "list", "watch"]
}
LEASES = {("coordination.k8s.io", "leases", verb) for verb in ["get", "create", "update"]}
EVERYWHERE = "*"


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


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {}),
        (features("events"), {NAMESPACE: EVENTS}),
        (features("agones"), {NAMESPACE: AGONES}),
        (features("leases"), {NAMESPACE: LEASES}),
        (features("events", "agones", "leases"), {NAMESPACE: EVENTS | AGONES | LEASES}),
        (features("events", namespaces=["a", "b"]), {"a": EVENTS, "b": EVENTS}),
        (features("events", "leases", namespaces=["a"]), {"a": EVENTS, NAMESPACE: LEASES}),
        (features("events", namespaces=["*"]), {EVERYWHERE: EVENTS}),
        (features("events", namespaces=["a", "*"]), {EVERYWHERE: EVENTS}),
        (features("events", "agones", "leases", namespaces=["*"]), {EVERYWHERE: EVENTS | AGONES, NAMESPACE: LEASES}),
        (features("leases", namespaces=["*"]), {NAMESPACE: LEASES}),
        (features("events", "agones", "leases", create=False), {}),
    ],
)
def test_rights_are_those_of_the_enabled_features(values, expected):
    assert rights(render(values)) == expected


def test_no_role_is_without_its_binding():
    objects = render(features("events", "agones", "leases", namespaces=["a", "b"]))
    roles = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in objects if o["kind"] == "Role"}
    bindings = {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in objects if o["kind"] == "RoleBinding"}
    assert roles == bindings and len(roles) == 3


def test_a_token_is_given_only_to_those_who_use_the_api():
    assert pod_spec(render())["automountServiceAccountToken"] is False
    for feature in ["events", "agones", "leases"]:
        assert pod_spec(render(features(feature)))["automountServiceAccountToken"] is True
    assert only(render(features("events")), "ServiceAccount")["automountServiceAccountToken"] is False


def test_releases_in_two_namespaces_do_not_share_cluster_roles():
    objects = render({**features("events", namespaces=["*"])})
    assert only(objects, "ClusterRole")["metadata"]["name"] == f"{NAMESPACE}-taskserver"


def test_rights_go_to_an_account_that_is_there_already():
    values = {**features("events"), "serviceAccount": {"create": False, "name": "there"}}
    objects = render(values)
    assert "ServiceAccount" not in kinds(objects)
    assert pod_spec(objects)["serviceAccountName"] == "there"
    assert rights(objects) == {NAMESPACE: EVENTS}
