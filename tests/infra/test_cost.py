"""`fanfare cost` prices what is deployed: every type of resource, in the templates' numbers."""

import re

from pipeline.cli.commands.cost import metered, prices
from pipeline.domain.money import idle
from pipeline.domain.money.cost import INSTANCE_MB, MILLION
from pipeline.domain.money.prices import exactly
from pipeline.domain.runs.messages import Queue
from tests.infra.deployment import EVALUATED, ROOT, TEMPLATE, app_settings, one, resources


def deployed(variant="all"):
    return {each["type"] for each in EVALUATED[variant]}


def test_every_type_that_is_deployed_has_its_idle_price_or_is_known_to_have_none():
    parents = {"/".join(kind.split("/")[:2]) for kind in deployed()}
    assert sorted(parents) == sorted(idle.TYPES)


def test_what_idles_is_counted_as_often_as_it_is_deployed():
    counted = [
        len(resources(kind))
        for kind in (
            "Microsoft.Insights/scheduledQueryRules",
            "Microsoft.Insights/metricAlerts",
            "Microsoft.Network/privateEndpoints",
            "Microsoft.Network/privateDnsZones",
        )
    ]
    assert counted == [idle.LOG_ALERTS, idle.METRIC_ALERTS, idle.ENDPOINTS, idle.ZONES]


def test_what_costs_by_itself_is_deployed_only_with_its_parameter():
    billed = {variant: deployed(variant) & set(idle.BILLED) for variant in EVALUATED}
    assert billed["public"] == set()
    assert {kind.split("/")[0] for kind in billed["private"]} == {"Microsoft.Network"}
    assert billed["all"] == set(idle.BILLED)
    conditions = {made.get("condition") for made in TEMPLATE["resources"].values()} - {None}
    asked = set(re.findall(r"parameters\('(\w+)'\)", str(conditions)))
    assert set(idle.OPTIONS) == asked - {"auditLogs"}, "logs are paid by volume"


def test_log_alerts_are_asked_at_the_pace_that_is_priced():
    rule = one("Microsoft.Insights/scheduledQueryRules")
    assert rule["properties"]["evaluationFrequency"] == "PT15M"


def test_the_instances_are_of_the_size_that_is_priced():
    size = TEMPLATE["parameters"]["instanceMemoryMB"]
    assert size["defaultValue"] == INSTANCE_MB
    assert tuple(size["allowedValues"]) == idle.SIZES_MB


def test_the_timers_are_those_that_are_priced():
    minute, hour = app_settings()["FANFARE_TICK"], app_settings()["FANFARE_LOST_EVENTS"]
    assert (minute, hour.split()[2:]) == ("0 * * * * *", ["*"] * 4)
    assert sum("%FANFARE" in line for line in source()) == 2


def source():
    return (ROOT / "function_app.py").read_text("utf-8").splitlines()


def test_the_page_on_costs_has_the_numbers_of_the_command():
    page = (ROOT / "docs/cost.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)`( \d+)? \| ([\d.]+) \|", page, re.MULTILINE)
    told = {f"{name}{size}": float(usd) for name, size, usd in rows}
    assert told == {name: round(usd, 2) for name, usd in idle.added(prices()).items()}
    month = {line.what: line.cost for line in idle.month(prices(), metered().idle_minute)}
    rows = re.findall(r"^\| ([\w: ,-]+?) \| ([\d.]+) \| ([\d.]+) \|", page, re.MULTILINE)
    shown = {what: (float(low), float(high)) for what, low, high in rows}
    parts = {
        what: (round(cost.low, 2), round(cost.high, 2))
        for what, cost in {**month, "total": total_of(month.values())}.items()
    }
    assert {what: shown.get(what) for what in parts} == parts


def total_of(costs):
    return sum(costs, exactly(0))


def test_the_page_on_costs_has_the_worked_example_of_a_million_tasks():
    page = " ".join((ROOT / "docs/cost.md").read_text("utf-8").split())
    counted = metered().of(MILLION, MILLION)
    written, delivered = counted["blob-created"], counted["event-delivered"]
    usd = prices().of("event-grid-operation", exactly(written + delivered)).low
    assert f"{written / MILLION:.2f} million blobs" in page
    assert f"{usd:.2f} USD for Event Grid" in page


def test_as_many_instances_are_assumed_at_most_as_the_templates_allow():
    most = TEMPLATE["parameters"]["maximumInstanceCount"]["defaultValue"]
    assert prices().assumed("instances").high == most * len(Queue)
