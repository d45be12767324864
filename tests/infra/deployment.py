"""What the repository deploys: templates as Bicep compiles and evaluates them, and their files.

`make render` writes both with a Bicep; the tests here need none.
"""

import json
from collections.abc import Iterator

import yaml

from scripts.templates import COMPILED, INFRA, ROOT, SNAPSHOTS

FILES = sorted(INFRA.rglob("*.bicep"))
MAIN = INFRA / "main.bicep"
SUBSCRIPTIONS = json.loads((INFRA / "event-subscriptions.json").read_text("utf-8"))
ALERTS = json.loads((INFRA / "alerts.json").read_text("utf-8"))
POOLS = json.loads((INFRA / "pools.json").read_text("utf-8"))
PARAMETERS = json.loads((INFRA / "main.parameters.json").read_text("utf-8"))["parameters"]
AZD = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))
ALERTS = json.loads((INFRA / "alerts.json").read_text("utf-8"))
TEMPLATE = json.loads((INFRA / COMPILED).read_text("utf-8"))
_MODULE = "Microsoft.Resources/deployments"
# Every resource of each set of parameters, as Azure would be asked for it.
EVALUATED = {
    path.stem: json.loads(path.read_text("utf-8"))["resources"]
    for path in sorted((ROOT / SNAPSHOTS).glob("*.json"))
}


def resources(kind: str, variant: str = "all") -> list[dict]:
    """Return the resources of a type that a set of parameters makes."""
    return [each for each in EVALUATED[variant] if each["type"] == kind]


def one(kind: str, variant: str = "all") -> dict:
    (found,) = resources(kind, variant)
    return found


def names(kind: str, variant: str = "all") -> list[str]:
    """Return the last parts of the names of a type's resources, in their order."""
    return [each["name"].rpartition("/")[2] for each in resources(kind, variant)]


def parts(template: dict = TEMPLATE) -> Iterator[dict]:
    """Yield main.bicep and each module as compiled, with what each makes itself."""
    made = template["resources"]
    every = list(made.values()) if isinstance(made, dict) else made
    own = [each for each in every if each["type"] != _MODULE and not each.get("existing")]
    yield {**template, "resources": own}
    for each in every:
        if each["type"] == _MODULE:
            yield from parts(each["properties"]["template"])


def declared(kind: str) -> list[dict]:
    """Return the declarations of a type in all modules, with loops and options."""
    return [each for part in parts() for each in part["resources"] if each["type"] == kind]


def declared_kinds() -> set[str]:
    return {each["type"] for part in parts() for each in part["resources"]}


def app_settings(variant: str = "public") -> dict[str, str]:
    pairs = one("Microsoft.Web/sites", variant)["properties"]["siteConfig"]["appSettings"]
    return {pair["name"]: pair["value"] for pair in pairs}
