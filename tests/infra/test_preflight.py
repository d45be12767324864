"""What a preflight asks about is what the templates make, and each known risk has a place."""

import json
import re

import pytest

from pipeline.cli.project.parameters import PYTHON
from pipeline.domain.health.azure import PROVIDERS
from pipeline.domain.money.idle import TYPES
from pipeline.domain.preflight import policies, questions
from pipeline.domain.preflight.checks import CHECKS
from pipeline.domain.preflight.names import Names
from pipeline.domain.preflight.subscription import PRIVATE_PROVIDERS
from tests.infra.deployment import EVALUATED, INFRA, ROOT

MAIN = json.loads((INFRA / "main.json").read_text("utf-8"))
PAGE = (ROOT / "docs/deploy.md").read_text("utf-8")
TOKEN = (
    "[toLower(uniqueString(subscription().id, parameters('environmentName'), "
    "parameters('location')))]"
)
# Azure has it everywhere, and it cannot be registered.
ALWAYS = {"Microsoft.Resources", "Microsoft.Authorization"}


def resources(template):
    """Yield all resources of a compiled template, also those of its modules."""
    found = template["resources"]
    for one in found.values() if isinstance(found, dict) else found:
        if one.get("existing"):
            continue
        yield one
        if one["type"] == "Microsoft.Resources/deployments":
            yield from resources(one["properties"]["template"])


MADE = [one for one in resources(MAIN) if one["type"] != "Microsoft.Resources/deployments"]


def test_policies_are_read_for_every_type_that_the_templates_make():
    made = {"/".join(one["type"].split("/")[:2]) for one in MADE}
    assert made == set(TYPES)


def test_only_a_private_network_has_resources_of_the_network():
    """Policies about these concern nobody else."""
    public, private = (
        {one["type"] for one in EVALUATED[name] if one["type"].startswith(policies.PRIVATE)}
        for name in ("public", "private")
    )
    assert private and not public


def test_providers_are_those_of_the_types():
    needed = {kind.split("/")[0] for kind in TYPES} - ALWAYS
    assert needed == {*PROVIDERS, *PRIVATE_PROVIDERS} - {"Microsoft.App"}


def test_the_token_and_the_names_are_made_as_the_templates_make_them():
    assert MAIN["variables"]["token"] == TOKEN
    names = {one["type"]: one["name"] for one in MADE}
    made = Names("st{0}", "ba{0}", "func-{0}")
    assert (
        names["Microsoft.Storage/storageAccounts"]
        == f"[format('{made.storage}', parameters('token'))]"
    )
    assert (
        names["Microsoft.Batch/batchAccounts"] == f"[format('{made.batch}', parameters('token'))]"
    )
    assert names["Microsoft.Web/sites"] == f"[format('{made.app}', parameters('token'))]"
    found = Names.of("s", "e", "l")
    assert (found.storage[:2], found.batch[:2], found.app[:5]) == ("st", "ba", "func-")
    assert found.storage[2:] == found.batch[2:] == found.app[5:]


def test_versions_of_the_interface_and_of_python_are_those_of_the_templates():
    versions = {one["type"]: one["apiVersion"] for one in MADE}
    assert versions["Microsoft.Web/sites"] == questions._WEB_API
    assert MAIN["parameters"]["pythonVersion"]["defaultValue"] == PYTHON


def rows():
    """Return the rows of the table of risks: what may go wrong, and who tells."""
    section = PAGE.split("### Who tells of which risk")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def section(anchor):
    """Return the text below the heading of an anchor, on one line."""
    parts = re.split(r"^#+ (.+)$", PAGE, flags=re.MULTILINE)
    texts = dict(zip(parts[1::2], parts[2::2], strict=True))
    (found,) = [t for head, t in texts.items() if head.lower().replace(" ", "-") == anchor]
    return " ".join(found.split())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0][:40])
def test_each_risk_has_a_check_or_a_row_of_what_was_never_tried(row):
    _, teller = row
    elsewhere = re.fullmatch(r"\[here\]\(#([\w-]+)\): (.+)", teller)
    if not elsewhere:
        checks = re.findall(r"`([^`]+)`", teller)
        assert checks
        assert set(checks) <= set(CHECKS)
        return
    anchor, phrase = elsewhere.groups()
    assert phrase in section(anchor)


def test_no_known_risk_was_forgotten():
    """Each was judged to stop more than one deployment in fifty, by precedents of others."""
    assert {risk for risk, teller in rows() if teller.startswith("[here]")} == {
        "`make` or Python lacks on your machine",
        "the remote build takes another Python",
        "the private app cannot be deployed from outside",
        "a web hook is down while you deploy",
        "a subscriber that was removed still gets events",
        "event subscriptions come before their roles work",
        "Event Grid does not take roles at queues and a container",
        "Event Grid cannot subscribe to a closed account",
        "a second deployment is refused because of a pool that exists",
        "a second deployment deletes subnets of others",
        "nodes do not start with an image",
    }


def test_each_check_is_in_the_table():
    named = {name for _, teller in rows() for name in re.findall(r"`([^`]+)`", teller)}
    assert set(CHECKS) <= named
