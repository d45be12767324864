"""`fanfare cost` prices what is deployed: every type of resource, in the templates' numbers."""

import re

from pipeline.cli.commands.cost import metered, prices
from pipeline.domain.money import idle
from pipeline.domain.money.cost import INSTANCE_MB, MILLION
from pipeline.domain.money.prices import exactly
from pipeline.domain.runs.messages import Queue
from tests.infra.deployment import ALERTS, FILES, MAIN, MODULES, app_settings, module
from tests.infra.templates.bicep import load


def deployed():
    return {
        resource.what.split("@")[0]
        for path in FILES
        for resource in load(path).resources.values()
        if not resource.existing
    }


def test_every_type_that_is_deployed_has_its_idle_price_or_is_known_to_have_none():
    parents = {"/".join(kind.split("/")[:2]) for kind in deployed()}
    known = {*idle.BILLED, *idle.BY_USE, *idle.FREE}
    assert parents == known


def entries(module, name):
    text = MODULES[module].read_text("utf-8")
    block = text.split(f"var {name} = [", 1)[1].split("\n]", 1)[0]
    return sum(line.startswith(("  {", "  '")) for line in block.splitlines())


def test_what_idles_is_counted_as_often_as_it_is_deployed():
    rules = [r for r in module("alerts").resources.values() if "QueryRules" in r.what]
    counted = [
        len(rules), len(ALERTS["metrics"]),
        entries("endpoints", "endpoints"), entries("endpoints", "zoneNames"),
    ]  # fmt: skip
    assert counted == [idle.LOG_ALERTS, idle.METRIC_ALERTS, idle.ENDPOINTS, idle.ZONES]


def test_what_costs_by_itself_is_deployed_only_with_its_parameter():
    text = MAIN.read_text("utf-8")
    modules = {
        path.stem
        for path in MODULES.values()
        if any(r.what.split("@")[0] in idle.BILLED for r in load(path).resources.values())
    }
    conditions = {
        name: re.findall(rf"^module {name} '.*' = if \(!?(?:empty\()?(\w+)\)", text, re.MULTILINE)
        for name in modules
    }
    assert conditions == {"alerts": ["alertEmail"], "endpoints": ["privateNetwork"]}
    assert {name for names in conditions.values() for name in names} == set(idle.OPTIONS)


def test_log_alerts_are_asked_at_the_pace_that_is_priced():
    (rule,) = [r for r in module("alerts").resources.values() if "QueryRules" in r.what]
    assert rule.body["properties"]["evaluationFrequency"].text == "rules.log.frequency"
    assert ALERTS["log"]["frequency"] == "PT15M"


def test_the_instances_are_of_the_size_that_is_priced():
    text = MAIN.read_text("utf-8")
    assert f"param instanceMemoryMB int = {INSTANCE_MB}\n" in text
    allowed = re.search(r"@allowed\(\[([\d\s]+)\]\)\n.*\nparam instanceMemoryMB", text)
    assert allowed
    assert tuple(int(size) for size in allowed[1].split()) == idle.SIZES_MB


def test_the_timers_are_those_that_are_priced():
    minute, hour = app_settings()["FANFARE_TICK"], app_settings()["FANFARE_LOST_EVENTS"]
    assert (minute, hour.split()[2:]) == ("0 * * * * *", ["*"] * 4)
    assert sum("%FANFARE" in line for line in source()) == 2


def source():
    return (MAIN.parents[1] / "function_app.py").read_text("utf-8").splitlines()


def test_the_page_on_costs_has_the_numbers_of_the_command():
    page = (MAIN.parents[1] / "docs/cost.md").read_text("utf-8")
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
    page = " ".join((MAIN.parents[1] / "docs/cost.md").read_text("utf-8").split())
    counted = metered().of(MILLION, MILLION)
    written, delivered = counted["blob-created"], counted["event-delivered"]
    usd = prices().of("event-grid-operation", exactly(written + delivered)).low
    assert f"{written / MILLION:.2f} million blobs" in page
    assert f"{usd:.2f} USD for Event Grid" in page


def test_as_many_instances_are_assumed_at_most_as_the_templates_allow():
    text = MAIN.read_text("utf-8")
    (most,) = re.findall(r"param maximumInstanceCount int = (\d+)", text)
    assert prices().assumed("instances").high == int(most) * len(Queue)
