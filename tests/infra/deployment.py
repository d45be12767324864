"""What the repository deploys: the Bicep files, and the files beside them."""

import json
from pathlib import Path

import yaml

from tests.infra.templates.bicep import Declaration, File, load

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
MODULES = {path.stem: path for path in FILES if path.parent.name == "modules"}
MAIN = INFRA / "main.bicep"
SUBSCRIPTIONS = json.loads((INFRA / "event-subscriptions.json").read_text("utf-8"))
ALERTS = json.loads((INFRA / "alerts.json").read_text("utf-8"))
POOLS = json.loads((INFRA / "pools.json").read_text("utf-8"))
PARAMETERS = json.loads((INFRA / "main.parameters.json").read_text("utf-8"))["parameters"]
AZD = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))


def module(name: str) -> File:
    return load(MODULES[name])


def resources(kind: str) -> list[Declaration]:
    """Return the resources of a type that the deployment creates."""
    return [
        resource
        for path in FILES
        for resource in load(path).resources.values()
        if resource.what.split("@")[0].lower() == kind.lower() and not resource.existing
    ]


def app_settings() -> dict[str, object]:
    (site,) = resources("Microsoft.Web/sites")
    pairs = site.body["properties"]["siteConfig"]["appSettings"]
    return {pair["name"]: pair["value"] for pair in pairs}
