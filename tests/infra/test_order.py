"""What Azure makes after what, what it makes one by one, and what it leaves alone."""

import re

import pytest

from tests.infra.deployment import (
    EVALUATED,
    FILES,
    INFRA,
    PARAMETERS,
    TEMPLATE,
    declared,
    resources,
)

MADE = TEMPLATE["resources"]


def follows(symbol):
    """Return all that a module waits for, directly or not."""
    direct = set(MADE[symbol].get("dependsOn", []))
    return direct.union(*(follows(each) for each in direct))


@pytest.mark.parametrize(
    ("module", "first"),
    [
        ("events", {"roles", "functions"}),
        ("completion", {"roles", "subscriberRoles", "functions"}),
        ("endpoints", {"events"}),
        ("functions", {"batch"}),
    ],
)
def test_what_a_fresh_role_or_a_busy_account_would_refuse_is_made_late(module, first):
    assert first <= set(MADE[module]["dependsOn"])


def test_a_pool_that_azure_refuses_stops_nothing_else():
    """Everything else is there before the pools, and nothing waits for them."""
    waiting = {symbol for symbol in MADE if "pools" in follows(symbol)}
    assert waiting == set()
    made = {symbol for symbol, each in MADE.items() if not each.get("existing")}
    assert made - follows("pools") == {"pools"}
    reads = [name for name, each in TEMPLATE["outputs"].items() if "'pools'" in str(each)]
    assert reads == []


def test_batch_takes_the_minutes_in_which_roles_spread():
    assert "roles" in follows("batch") and "batch" in follows("events")


@pytest.mark.parametrize(
    "kind",
    [
        "Microsoft.EventGrid/systemTopics/eventSubscriptions",
        "Microsoft.Network/privateEndpoints",
        "Microsoft.Network/virtualNetworks/subnets",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    ],
)
def test_what_a_service_refuses_to_make_at_once_is_made_one_by_one(kind):
    """Otherwise StorageAccountOperationInProgress, AnotherOperationInProgress or Conflict occur."""
    (made,) = declared(kind)
    assert (made["copy"]["mode"], made["copy"]["batchSize"]) == ("serial", 1)


def only_if_absent(made):
    return "onlyIfNotExists" in made.get("@options", {})


def test_a_pool_that_is_there_is_left_alone():
    (pool,) = declared("Microsoft.Batch/batchAccounts/pools")
    assert only_if_absent(pool)


def test_a_web_hook_that_is_there_is_not_asked_again():
    """A subscriber that is down would stop every later deployment."""
    subscriptions = declared("Microsoft.EventGrid/topics/eventSubscriptions")
    hooks = [s for s in subscriptions if "WebHook" in str(s["properties"].get("destination"))]
    assert len(hooks) == 1
    assert [only_if_absent(each) for each in hooks] == [True]
    assert not [each for each in subscriptions if each not in hooks and only_if_absent(each)]


def test_no_module_is_skipped_in_a_resource_group_that_does_not_exist():
    """A module whose condition is false is resolved all the same (bicep issues 4057 and 11463)."""
    for symbol, made in MADE.items():
        group = made.get("resourceGroup", "[format('rg-")
        assert group.startswith("[format('rg-") or "condition" not in made, symbol


def test_parameters_of_the_file_are_parameters_of_the_template():
    parameters = TEMPLATE["parameters"]
    assert set(PARAMETERS) <= set(parameters)
    needed = {name for name, each in parameters.items() if "defaultValue" not in each}
    assert needed <= set(PARAMETERS)


def test_every_parameter_of_the_file_that_azd_fills_has_a_default_of_its_own():
    """azd would ask for it, also where nobody can answer."""
    for name, given in PARAMETERS.items():
        azds_own = str(given["value"]).startswith("${AZURE_")
        assert azds_own or not re.fullmatch(r"\$\{\w+\}", str(given["value"])), name


def test_every_output_of_a_module_is_read():
    text = (INFRA / "main.bicep").read_text("utf-8")
    for symbol, made in MADE.items():
        for name in made.get("properties", {}).get("template", {}).get("outputs", {}):
            assert f"{symbol}.outputs.{name}" in text.replace(".?", "."), (symbol, name)


def test_every_file_of_a_module_is_used():
    text = "".join(path.read_text("utf-8") for path in FILES)
    unused = [p.name for p in FILES if p.parent.name == "modules" and f"{p.name}'" not in text]
    assert unused == []


def test_everything_that_takes_tags_has_those_of_the_operator():
    no_tags = "Microsoft.Web/sites/basicPublishingCredentialsPolicies"
    placed = [each for each in EVALUATED["all"] if "location" in each and each["type"] != no_tags]
    pools = resources("Microsoft.Batch/batchAccounts/pools")
    assert {each["type"] for each in placed + pools if each["tags"].get("cost-center") != "42"} == (
        set()
    )
