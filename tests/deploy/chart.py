"""Renders the chart with Helm's own engine."""

from pathlib import Path

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/taskserver"
CASES = sorted((Path(__file__).parent / "values").glob("*.yaml"))

RELEASE = "taskserver"
NAMESPACE = "ir"


def values_of(case):
    """The values of a case, by its name or path."""
    path = case if isinstance(case, Path) else Path(__file__).parent / f"values/{case}.yaml"
    return yaml.safe_load(path.read_text()) or {}


def render_texts(values=None, release=RELEASE):
    """What each template gives, by the template's name. Templates that give nothing are left out."""
    with helm_python.Chart.load(CHART) as chart:
        texts = chart.render(values or {}, name=release, namespace=NAMESPACE)
    texts = {name.removeprefix("taskserver/templates/"): text for name, text in texts.items()}
    return {name: text.strip("\n") + "\n" for name, text in sorted(texts.items()) if text.strip()}


def render(values=None, release=RELEASE):
    """All objects that Helm would send to the cluster, the hooks too."""
    return [
        object_
        for name, text in render_texts(values, release).items()
        if name != "NOTES.txt"
        for object_ in yaml.safe_load_all(text)
        if object_
    ]


def only(objects, kind, name=None):
    """The one object of a kind, or with a name."""
    [found] = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    return found


def kinds(objects):
    return {o["kind"] for o in objects}


def pod_spec(objects):
    return only(objects, "Deployment")["spec"]["template"]["spec"]


def container(objects):
    return pod_spec(objects)["containers"][0]


def env(objects):
    """The variables of the server's container, by name."""
    return {variable["name"]: variable for variable in container(objects)["env"]}
