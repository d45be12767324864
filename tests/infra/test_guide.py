"""docs/deploy.md says what the templates do."""

import json
import re

from pipeline.domain.health.alerts import LOG
from tests.infra.deployment import INFRA, PARAMETERS, ROOT, TEMPLATE, resources

GUIDE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
MODULES = INFRA / "modules"


def test_every_parameter_is_in_the_guide():
    table = "".join(line for line in GUIDE.splitlines() if line.startswith("| `"))
    assert set(TEMPLATE["parameters"]) <= set(re.findall(r"`(\w+)`", table))


def test_what_the_guide_sets_by_azd_is_what_the_parameters_read():
    named = set(re.findall(r"azd env set (\w+)", GUIDE))
    read = set(re.findall(r"\$\{(FANFARE_\w+)", json.dumps(PARAMETERS)))
    assert named == read


def test_the_subscribers_of_the_guide_are_those_that_the_template_knows():
    (shown,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    samples = {sample["kind"]: sample for sample in json.loads(shown)}
    assert "`filter`" in GUIDE and "filter" in samples["webhook"]
    assert set(samples["webhook"]["entra"]) == {"tenantId", "applicationIdOrUri"}
    source = (MODULES / "subscribers.bicep").read_text("utf-8")
    assert set(samples) == set(re.findall(r"each\.kind == '(\w+)'", source))
    roles = (MODULES / "subscriber-role.bicep").read_text("utf-8")
    assert set(samples) - {"webhook"} == set(re.findall(r"kind == '(\w+)'", roles))
    for block in re.split(r"\n(?=module|resource)", source)[2:]:
        (kind,) = re.findall(r"each\.kind == '(\w+)'", block)
        assert set(re.findall(r"each\.\??(\w+)", block)) == {*samples[kind], "filter"}


def test_the_guide_counts_alerts_and_endpoints_right():
    assert "five rules on metrics" in GUIDE
    assert len(resources("Microsoft.Insights/metricAlerts")) == 5
    assert len(LOG) == 5
    assert all(f'"{alert.name}"' in GUIDE for alert in LOG)
    assert "Seven private endpoints" in GUIDE
    assert len(resources("Microsoft.Network/privateEndpoints")) == 7


def test_commands_of_the_guide_are_there():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make (\w+)`", GUIDE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"`((?:infra|tests|docs)/[\w./-]+)`", GUIDE):
        assert (INFRA.parent / path).exists(), path
    for link in re.findall(r"\]\(([\w./-]+)(?:#\w+)?\)", GUIDE):
        assert (ROOT / "docs" / link).exists(), link
