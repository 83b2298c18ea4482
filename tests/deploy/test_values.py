"""Every value is described, reaches what is installed, and the server's own settings are all there."""

import copy
import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from chart import CHART, ROOT, only, render, render_texts

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# Settings that are refused in a ConfigMap.
SECRETS = {
    ("database", "password"),
    ("redis", "password"),
    ("redis", "sentinel", "password"),
    ("authentication", "secret"),
}
# Tables of the configuration whose entries have names of the user's choice.
NAMED = {
    ("alerts", "receivers"),
    ("alerts", "rules"),
    ("analytics", "metrics"),
    ("authentication", "tokens"),
    ("http", "services"),
    ("maintenance",),
}


def leaves(tree, schema):
    """The keys of the values: where the schema describes a table's keys one by one, those."""
    for name, value in tree.items():
        below = schema["properties"].get(name, {})
        if isinstance(value, dict) and below.get("properties") and name != "config":
            for path in leaves(value, below):
                yield (name, *path)
        else:
            yield (name,)


def described(schema, path=()):
    for name, value in schema["properties"].items():
        if value.get("properties") and name != "config":
            yield from described(value, (*path, name))
        else:
            yield (*path, name)


def at(tree, path):
    for name in path:
        tree = tree[name]
    return tree


def schema_at(path):
    schema = SCHEMA
    for name in path:
        schema = schema["properties"][name]
    return schema


PATHS = list(leaves(VALUES, SCHEMA))


def test_every_value_is_in_the_schema_and_the_other_way_round():
    assert sorted(PATHS) == sorted(described(SCHEMA))


def test_every_value_has_a_description_and_unknown_ones_are_refused():
    def check(schema, path):
        for name, value in schema.get("properties", {}).items():
            if value.get("properties"):
                assert value["additionalProperties"] is False or isinstance(value["additionalProperties"], dict), (*path, name)
            else:
                assert value.get("description") or isinstance(value.get("additionalProperties"), dict), (*path, name)
            check(value, (*path, name))

    check(SCHEMA, ())
    assert set(SCHEMA["else"]["propertyNames"]["enum"]) == set(SCHEMA["properties"]) | {"global"}


def other(schema, value):
    """Another value that the schema allows."""
    if "enum" in schema:
        return next(choice for choice in schema["enum"] if choice != value)
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    match kind:
        case "boolean":
            return not value
        case "integer":
            return value + 1
        case "array":
            return [{"string": "other", "integer": 99, "object": {"name": "other"}}[schema["items"]["type"]]]
        case "object":
            return {"other": "value"}
    pattern = schema.get("pattern")
    return {None: "other", "^/": "/other", "^(sha256:[0-9a-f]{64})?$": f"sha256:{'0' * 64}"}[pattern]


# What must be set for a value to matter.
FEATURES = {
    "podDisruptionBudget": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "grafanaDashboard": {"enabled": True},
}
RIGHTS = {"rbac": {"events": {"enabled": True}}}
SHARED = {"secrets": {"databaseUrl": {"existingSecret": "a"}}}
PLATFORM = {"dropIn": {"enabled": True, "release": "prod"}, "sql": {"host": "a"}}


def needed(path):
    match path:
        case ("replicaCount",):
            return SHARED
        case ("rbac", "create" | "namespaces"):
            return RIGHTS
        case ("rbac", "agones", "namespace"):
            return {"rbac": {"agones": {"enabled": True}}}
        case ("secrets", name, "key"):
            return {"secrets": {name: {"existingSecret": "a"}}}
        case ("dropIn", "release" | "chart"):
            return PLATFORM
        case ("dropIn", "enabled"):
            return {"dropIn": {"release": "prod"}, "sql": {"host": "a"}}
        case (feature, key) if feature in FEATURES and key != "enabled":
            return {feature: FEATURES[feature]}
    return {}


def merged(*trees):
    result = {}
    for tree in trees:
        for name, value in copy.deepcopy(tree).items():
            both = isinstance(value, dict) and isinstance(result.get(name), dict)
            result[name] = merged(result[name], value) if both else value
    return result


@pytest.mark.parametrize("path", [path for path in PATHS if path != ("config",)], ids=".".join)
def test_every_value_reaches_what_is_installed(path):
    change = other(schema_at(path), at(VALUES, path))
    for name in reversed(path):
        change = {name: change}
    base = needed(path)
    # The platform's values are refused without drop-in mode.
    before = {} if path == ("dropIn", "enabled") else base
    assert render_texts(merged(base, change)) != render_texts(before)


def settings():
    """All settings that `config/default.toml` has, the commented ones too."""

    def is_key(line):
        return line.startswith("[") or (" = " in line and " " not in line.split(" = ")[0])

    lines = [
        line[2:] if line.startswith("# ") and is_key(line[2:]) else line
        for line in (ROOT / "config/default.toml").read_text().splitlines()
    ]
    return tomllib.loads("\n".join(lines))


def paths(tree, path=()):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from paths(value, (*path, name))
        else:
            yield (*path, name)


def test_every_setting_of_the_server_is_in_the_schema_and_no_other():
    config = SCHEMA["properties"]["config"]
    known = set(paths(settings()))
    task_keys = {path[2:] for path in known if path[:2] == ("tasks", "analytics")}
    tasks = {path[1] for path in known if path[0] == "tasks"}
    known |= {("tasks", task, *key) for task in tasks for key in task_keys}
    named = {}
    for table in NAMED:
        # The names of headers are the user's choice, too.
        below = {path for path in known if path[: len(table)] == table}
        keys_below = {path[len(table) + 1 :] for path in below}
        named[table] = {key[:1] if key[0] == "headers" else key for key in keys_below}
        known -= below

    def keys(schema, path=()):
        for name, value in schema["properties"].items():
            if "properties" in value:
                yield from keys(value, (*path, name))
            else:
                yield (*path, name)

    assert set(keys(config)) == known
    tables = config["properties"]
    assert set(keys(tables["tasks"]["additionalProperties"])) == task_keys
    for table, table_keys in named.items():
        schema = config
        for name in table:
            schema = schema["properties"][name]
        assert set(keys(schema["additionalProperties"])) == table_keys


def with_features(config):
    """What the chart adds: of the cluster is read only what the rights are given for."""
    return merged({"kubernetes": {"events": {"enabled": False}, "agones": {"enabled": False}}}, config)


def test_every_setting_reaches_the_config_map_as_it_is():
    config = settings()
    for *sections, key in SECRETS:
        del at(config, sections)[key]
    config["database"]["url"] = "mysql://server@mariadb/ir-engine"
    [text] = only(render({"config": config}), "ConfigMap")["data"].values()
    # As JSON, so that a number that has become a text or a float shows.
    assert json.dumps(yaml.safe_load(text), sort_keys=True) == json.dumps(
        with_features(merged(VALUES["config"], config)), sort_keys=True
    )
    assert not re.search(r"\de\+\d", text)


def test_a_setting_may_come_from_a_file():
    config = {"database": {"url_file": "/run/url"}, "tasks": {"analytics": {"every_file": "/run/every"}}}
    [text] = only(render({"config": config}), "ConfigMap")["data"].values()
    assert yaml.safe_load(text) == with_features(merged(VALUES["config"], config))


def test_the_schema_and_the_readme_are_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "helm/generate.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_readme_lists_every_value_and_setting():
    readme = (CHART / "README.md").read_text()
    for path in PATHS:
        assert f"| `{'.'.join(path)}` |" in readme
    for path in paths(settings()):
        if path[0] not in ("tasks", "analytics", "maintenance") and path[:2] not in NAMED:
            assert f"| `{'.'.join(path)}` |" in readme
