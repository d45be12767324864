"""`fanfare cost` prices what is deployed: every type of resource, as often as the templates say."""

from pipeline.domain import cost
from tests.infra.bicep import load
from tests.infra.deployment import FILES, MODULES


def deployed():
    return {
        resource.what.split("@")[0]
        for path in FILES
        for resource in load(path).resources.values()
        if not resource.existing
    }


def test_every_type_that_is_deployed_has_its_idle_price_or_is_known_to_have_none():
    parents = {"/".join(kind.split("/")[:2]) for kind in deployed()}
    known = {*cost.IDLE, *cost.BY_USE, *cost.FREE}
    assert parents == known


def entries(module, name):
    text = MODULES[module].read_text("utf-8")
    block = text.split(f"var {name} = [", 1)[1].split("\n]", 1)[0]
    return sum(line.startswith(("  {", "  '")) for line in block.splitlines())


def test_what_idles_is_counted_as_often_as_it_is_deployed():
    counted = [
        entries("alerts", "rules"), entries("alerts", "metrics"),
        entries("endpoints", "endpoints"), entries("endpoints", "zoneNames"),
    ]  # fmt: skip
    assert counted == [cost.LOG_ALERTS, cost.METRIC_ALERTS, cost.ENDPOINTS, cost.ZONES]
