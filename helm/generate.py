#!/usr/bin/env python3
"""Brings the chart's schema and README up to date.

    python3 helm/generate.py            # writes them
    python3 helm/generate.py --check    # says whether they are up to date

The keys of the server's configuration are described once, in `config/default.toml`. From there they go into the property
`config` of `values.schema.json`; the rest of that file is written by hand. The README's tables are made from the schema and the
defaults of `values.yaml`. Needs PyYAML.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS = ROOT / "config/default.toml"
CHART = ROOT / "helm/taskserver"

# Tables whose entries have names of the user's choice, each with the entry in the defaults that shows their keys.
NAMED = {
    "tasks": "analytics",
    "alerts.receivers": "log",
    "alerts.rules": "oom",
    "analytics.metrics": "activeUsers",
    "authentication.tokens": "operator",
    "http.services": "analytics",
    "maintenance": "old-instances",
    "queue.queues": "default",
}
# What the defaults write in place of a secret.
SECRET = "secret"

DURATION = re.compile(r"^\d+(ms|s|m|h| days?)$")
KEY = re.compile(r"^(?:# )?([a-z][a-z0-9_]*) = (.+)$")
SECTION = re.compile(r"^(?:# )?\[([A-Za-z_.-]+)\]$")


def entries(text):
    """The sections (`key` is None) and keys of the defaults, commented ones too: (section, key, description, default)."""
    section, description, fresh = "", [], True
    for line in text.splitlines():
        if match := SECTION.match(line):
            section = match[1]
            yield section, None, " ".join(description), None
            description, fresh = [], True
        elif match := KEY.match(line):
            default = tomllib.loads(f"value = {match[2]}")["value"]
            yield section, match[1], " ".join(description), None if line.startswith("#") else default, default
            # Keys that follow without a comment of their own share it.
            fresh = True
        elif line.startswith("#"):
            description = [] if fresh else description
            description.append(line.lstrip("# ").strip())
            fresh = False
        else:
            description, fresh = [], True


def value_schema(description, default, example):
    if isinstance(example, bool):
        kind = "boolean"
    elif description.startswith("How long") or (isinstance(example, str) and DURATION.match(example)):
        kind = ["string", "integer"]
    elif isinstance(example, int):
        kind = "integer"
    elif '"auto"' in description and "true" in description:
        kind = ["string", "boolean"]
    else:
        kind = "string"
    if example == SECRET:
        description += " Not here, where everyone can read it, but in `secrets`."
    schema = {"description": description, "type": kind}
    if default is not None:
        schema["default"] = default
    return schema


def table(description=""):
    schema = {"type": "object", "additionalProperties": False, "properties": {}}
    return {"description": description, **schema} if description else schema


def config_schema():
    """The schema of the server's configuration."""
    root = table("The server's configuration, key by key as in `config/default.toml`. What is not set here keeps its default.")

    def at(section):
        schema = root
        for name in section.split("."):
            schema = schema["properties"].setdefault(name, table())
        return schema

    for section, key, description, *values in entries(DEFAULTS.read_text()):
        schema = at(section)
        if key is None:
            if description:
                schema["description"] = description
        else:
            schema["properties"][key] = value_schema(description or schema.get("description", ""), *values)
    for path, example in NAMED.items():
        schema = at(path)
        keys = {
            key: {name: part for name, part in value.items() if name != "default"}
            for key, value in schema["properties"][example]["properties"].items()
        }
        for entry in schema["properties"].values():
            own = entry["properties"]
            entry["properties"] = {key: {**value, **own.get(key, {})} for key, value in keys.items()}
        schema["additionalProperties"] = {**table(), "properties": keys}
    # These are there to show the keys only.
    for path in ("analytics.metrics", "authentication.tokens", "http.services", "maintenance"):
        del at(path)["properties"][NAMED[path]]
    # The names of all that is built in are free, as are those of headers.
    for path in ("alerts.receivers", "alerts.rules"):
        at(path)["properties"] = {}
    add_file_keys(root)
    receiver = at("alerts.receivers")["additionalProperties"]["properties"]
    receiver["headers"] = {
        "description": receiver["headers"]["description"],
        "type": "object",
        "additionalProperties": {"type": "string"},
    }
    return root


def add_file_keys(schema):
    """Any key with `_file` after its name takes its value from a file."""
    tables, values = [], []
    for key, value in schema["properties"].items():
        (tables if value.get("type") == "object" else values).append((key, value))
    if values:
        schema["patternProperties"] = {f"^({'|'.join(key for key, _ in values)})_file$": {"type": "string"}}
    for _, value in tables:
        add_file_keys(value)
    if isinstance(schema["additionalProperties"], dict):
        add_file_keys(schema["additionalProperties"])


def keys(schema, path=""):
    """The keys of a schema that have values: (path, schema)."""
    further = schema.get("additionalProperties")
    further = {"NAME": further} if isinstance(further, dict) and "properties" in further else {}
    for name, value in {**schema.get("properties", {}), **further}.items():
        here = f"{path}.{name}" if path else name
        inner = list(keys(value, here))
        yield from inner or [(here, value)]


def rows(keys_and_defaults):
    yield "| key | what it is | default |"
    yield "| --- | --- | --- |"
    for path, schema, default in keys_and_defaults:
        description = schema["description"].replace("|", "\\|")
        yield f"| `{path}` | {description} | {'' if default is None else f'`{json.dumps(default)}`'} |"


def readme(text, schema):
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def default(path):
        value = values
        for name in path.split("."):
            value = value[name]
        return value

    config = schema["properties"]["config"]
    others = {**schema, "properties": {**schema["properties"], "config": {"description": config["description"]}}}
    text = section(text, "values", rows((path, value, default(path)) for path, value in keys(others)))
    # All keys of a task are listed once; of other tasks, those that have defaults.
    listed = [
        (path, value, value.get("default"))
        for path, value in keys(config)
        if "default" in value or path.startswith("tasks.analytics.") or not path.startswith("tasks.")
    ]
    return section(text, "config", rows(listed))


def section(text, name, lines):
    """Replaces what stands between the marks of a generated section."""
    begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
    before, rest = text.split(begin)
    return before + begin + "\n" + "\n".join(lines) + "\n\n" + end + rest.split(end)[1]


def generate():
    """The files, as they should be."""
    schema_file, readme_file = CHART / "values.schema.json", CHART / "README.md"
    schema = json.loads(schema_file.read_text())
    schema["properties"]["config"] = config_schema()
    return {
        schema_file: json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        readme_file: readme(readme_file.read_text(), schema),
    }


def main():
    stale = {path: text for path, text in generate().items() if path.read_text() != text}
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date: run python3 helm/generate.py", file=sys.stderr)
        sys.exit(bool(stale))
    for path, text in stale.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
