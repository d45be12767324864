"""The deployment and the code name the same things: settings, queues, pools, roles, sentences."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

from pipeline import __version__
from pipeline.adapters import management
from pipeline.cli.commands.up_down import bodies_of
from pipeline.cli.stack import config as local
from pipeline.cli.target import definitions
from pipeline.domain.health.alerts import Scope
from pipeline.domain.health.azure import PROVIDERS
from pipeline.domain.health.findings import SYSTEM_TOPIC
from pipeline.domain.pools.resource import pool_resource, registries
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import (
    CONTAINERS,
    OUTPUT,
    RESERVED,
    UPLOADED,
    Generation,
    plan_page,
)
from pipeline.handlers.running.executions import uploads
from pipeline.ledger.layout import TABLES
from pipeline.settings import HttpAccess, Settings
from scripts import render_alerts
from scripts.render_pools import rendered
from tests.infra.deployment import (
    ALERTS,
    AZD,
    FILES,
    INFRA,
    MAIN,
    MODULES,
    PARAMETERS,
    POOLS,
    ROOT,
    SUBSCRIPTIONS,
    app_settings,
    module,
    resources,
)
from tests.infra.templates.bicep import Expression, load

STORAGE = "Microsoft.Storage/storageAccounts"
# Settings that the engine reads and Azure leaves unset.
UNSET = {
    "HOME": "the logins of podman and docker are those of a laptop",
    "REGISTRY_AUTH_FILE": "the logins of podman and docker are those of a laptop",
    "XDG_RUNTIME_DIR": "the logins of podman and docker are those of a laptop",
    "DOCKER_CONFIG": "the logins of podman and docker are those of a laptop",
    "AzureWebJobsStorage": "a connection string holds a key",
    "FANFARE_BATCH_ACCOUNT": "only a key needs it",
    "FANFARE_BATCH_KEY": "the account takes Entra tokens alone",
    "FANFARE_TOPIC_KEY": "the topic takes Entra tokens alone",
    "FANFARE_TIME_LIMIT_S": "host.json says it",
    "FANFARE_MISSING_GPU": "in Azure a task that asks for a GPU does not run without",
    "FANFARE_DEFINITIONS": "the definitions lie in the package",
    "FANFARE_RELOAD": "the files of a deployed app never change",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "traces go to Application Insights",
}
# Settings that other programs read.
READ_ELSEWHERE = {
    "AzureWebJobsStorage__credential": "the host's storage connection",
    "AzureWebJobsStorage__clientId": "the host's storage connection",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "host and exporter",
    "AzureWebJobs.on_blob_event.Disabled": "the host switches the function off",
    "PYTHON_THREADPOOL_THREAD_COUNT": "the Python worker",
    "OTEL_TRACES_SAMPLER": "the host's exporter",
    "OTEL_TRACES_SAMPLER_ARG": "the host's exporter",
}


class Environment(dict):
    """An environment that notes which variables are read."""

    def __init__(self, values):
        super().__init__(values)
        self.asked = set()

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)

    def __contains__(self, name):
        self.asked.add(name)
        return super().__contains__(name)


def asked_settings():
    text = (ROOT / "function_app.py").read_text("utf-8") + (ROOT / "host.json").read_text("utf-8")
    given = {name: "x" for name in app_settings()}
    given |= {"FANFARE_KEEP_PARTS_DAYS": "1", "FANFARE_KEEP_RUNS_DAYS": "8", "FANFARE_PIN": "copy"}
    environment = Environment(given)
    Settings.from_env(environment, ROOT)
    HttpAccess.from_env(environment)
    return environment.asked | set(re.findall(r"%(\w+)%", text))


def test_every_setting_that_is_read_is_set():
    missing = asked_settings() - set(app_settings()) - set(UNSET)
    assert {name for name in missing if not name.startswith("FANFARE_PATIENCE_")} == set()


def test_no_setting_is_set_in_vain():
    assert set(app_settings()) - asked_settings() == set(READ_ELSEWHERE)
    assert set(UNSET) <= asked_settings()
    assert set(UNSET) & set(app_settings()) == set()


def test_a_function_that_is_switched_off_exists():
    off = [n.split(".")[1] for n in app_settings() if n.endswith(".Disabled")]
    assert off
    source = (ROOT / "function_app.py").read_text("utf-8")
    assert all(f"def {name}(" in source for name in off)


def test_outputs_are_settings_that_the_command_line_can_start_with():
    outputs = {name: "x" for name in load(MAIN).outputs}
    assert Settings.from_env(outputs, ROOT).batch_endpoint == "x"
    own = {name for name in outputs if not name.startswith("AZURE_")}
    assert own <= asked_settings()


def test_storage_holds_what_the_code_uses():
    storage = module("storage").variables
    assert storage["containers"] == list(CONTAINERS)
    assert storage["queues"] == list(Queue)
    assert storage["tables"] == list(TABLES)


def test_poison_queues_stand_beside_their_queues():
    made = {r.symbol: r.body["name"] for r in resources(f"{STORAGE}/queueServices/queues")}
    assert made["poisonQueues"] == Expression("'${name}-poison'")


def test_subscriptions_use_what_exists():
    for entry in SUBSCRIPTIONS["eventSubscriptions"]:
        properties = entry["properties"]
        dead = properties["deadLetterDestination"]
        assert properties["destination"]["endpointType"] == "StorageQueue"
        assert properties["destination"]["properties"]["queueName"] in Queue
        assert dead["endpointType"] == "StorageBlob"
        assert dead["properties"]["blobContainerName"] in CONTAINERS
        assert properties["eventDeliverySchema"] == "EventGridSchema"
        assert entry["topic"] == SUBSCRIPTIONS["topics"][0]["name"]


def test_topics_are_those_of_the_file_in_its_order():
    storage, runs = SUBSCRIPTIONS["topics"]
    (system,), (custom,) = (
        resources(f"Microsoft.EventGrid/{kind}") for kind in ("systemTopics", "topics")
    )
    assert storage["type"] == system.body["properties"]["topicType"]
    assert runs["inputSchema"] == custom.body["properties"]["inputSchema"]
    assert runs["name"] == local.TOPIC


def test_what_the_app_writes_for_itself_starts_nothing():
    """Package uploads and the host's own locks are blobs, too: none may start a function."""
    entry = next(e for e in SUBSCRIPTIONS["eventSubscriptions"] if e["name"] == "blob-events")
    (unwanted,) = entry["properties"]["filter"]["advancedFilters"]
    containers = {value.split("/")[4] for value in unwanted["values"]}
    own = {module("storage").variables["deployments"], "azure-webjobs-"}
    assert containers == RESERVED | own | {OUTPUT}


def test_event_grid_may_send_to_the_queues_it_delivers_to():
    queues = [
        e["properties"]["destination"]["properties"]["queueName"]
        for e in SUBSCRIPTIONS["eventSubscriptions"]
    ]
    assert module("roles").variables["deliveredQueues"] == queues


def test_nodes_have_no_role_and_create_blobs_only_where_the_engine_keeps_nothing_of_its_own():
    assert "nodePrincipalId" not in (INFRA / "modules" / "roles.bicep").read_text("utf-8")
    run = SimpleNamespace(names=Generation("job-0", 1, "0" * 32))
    created = {upload.container for upload in uploads(run, "t000000")}
    own = {run.names.chosen.container, run.names.parts.container, plan_page("f", 0).container}
    assert (created, created & own) == (set(UPLOADED), set())


def test_rendered_pools_are_in_step():
    assert (INFRA / "pools.json").read_text("utf-8") == rendered(), "run `make render`"


def test_the_emulator_gets_the_pools_that_azure_gets():
    bodies = bodies_of(definitions().pools)
    pools = [pool for _, pool in sorted(definitions().pools.items())]
    assert [
        {**pool_resource(b, registries(p)), "gpu": p.devices > 0}
        for p, b in zip(pools, bodies, strict=True)
    ] == POOLS


def test_pools_with_gpus_are_made_on_request_only():
    assert {pool["properties"]["displayName"] for pool in POOLS if pool["gpu"]} == {"gpu"}
    text = MODULES["pools"].read_text("utf-8")
    assert "for item in pools: if (gpuPools || !item.gpu) {" in text
    assert PARAMETERS["gpuPools"] == {"value": "${FANFARE_GPU_POOLS=false}"}


def test_azd_finds_the_app():
    (site,) = resources("Microsoft.Web/sites")
    assert [
        f"'azd-service-name': '{name}'" in site.body["tags"].text for name in AZD["services"]
    ] == [True]
    (service,) = AZD["services"].values()
    assert (service["host"], service["language"]) == ("function", "python")
    assert (ROOT / service["project"] / "function_app.py").is_file()
    assert (ROOT / AZD["infra"]["path"] / f"{AZD['infra']['module']}.bicep") == MAIN
    (group,) = resources("Microsoft.Resources/resourceGroups")
    assert group.body["tags"] == Expression("tags")
    assert "azd-env-name" in load(MAIN).variables["tags"]


def test_the_app_runs_on_the_python_of_the_tests():
    text = MAIN.read_text("utf-8")
    (version,) = re.findall(r"param pythonVersion string = '([\d.]+)'", text)
    assert f'requires-python = ">={version}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_sentences_that_alerts_and_workbook_look_for_are_logged():
    code = "".join(p.read_text("utf-8") for p in sorted((ROOT / "pipeline").rglob("*.py")))
    queries = str(ALERTS["log"]["query"])
    queries += (INFRA / "workbook.json").read_text("utf-8").replace('\\"', '"')
    sentences = set(re.findall(r'message has "([^"]+)"', queries))
    assert len(sentences) > 4
    assert {s for s in sentences if f'"{s}' not in code} == set()


def test_the_deployed_alerts_are_those_of_the_table():
    written = render_alerts.PATH.read_text("utf-8")
    assert written == render_alerts.rendered(), "run `make render`"


def test_events_that_event_grid_drops_are_told_for_both_topics():
    metrics = ALERTS["metrics"]
    dropped = {m["namespace"] for m in metrics if m["metric"] == "DroppedEventCount"}
    assert dropped == set(Scope)
    source = MODULES["alerts"].read_text("utf-8")
    assert f"metric.namespace == '{Scope.TOPIC}' ? topicId : systemTopicId" in source


def test_no_template_reads_a_key():
    for path in FILES:
        assert not re.search(
            r"listKeys|list\w*Secrets|AccountKey|sharedKeys", path.read_text("utf-8")
        )


def test_doors_that_take_keys_are_shut():
    (account,) = resources(STORAGE)
    (topic,) = resources("Microsoft.EventGrid/topics")
    (batch,) = resources("Microsoft.Batch/batchAccounts")
    (insights,) = resources("Microsoft.Insights/components")
    assert account.body["properties"]["allowSharedKeyAccess"] is False
    assert topic.body["properties"]["disableLocalAuth"] is True
    assert batch.body["properties"]["allowedAuthenticationModes"] == ["AAD"]
    assert insights.body["properties"]["DisableLocalAuth"] is True
    policies = resources("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert [policy.body["properties"] for policy in policies] == [{"allow": False}] * 2
    assert Path(INFRA / "main.parameters.json").read_text("utf-8").count("secret") == 0
    settings = json.dumps(app_settings(), default=str)
    assert settings.replace("suffixes.keyvaultDns", "").count("key") == 0


def test_the_doctor_names_the_system_topic_that_is_deployed():
    (topic,) = {each["topic"] for each in SUBSCRIPTIONS["eventSubscriptions"]}
    assert topic == SYSTEM_TOPIC


def test_the_doctor_asks_for_the_providers_of_what_the_deployment_makes():
    text = "".join(path.read_text("utf-8") for path in FILES)
    assert not [name for name in PROVIDERS if f"'{name}/" not in text]


def test_the_doctor_asks_batch_by_the_version_that_the_templates_use():
    """Older versions are announced to be retired (Azure/Batch issue 140)."""
    (account,) = resources("Microsoft.Batch/batchAccounts")
    assert account.what.split("@")[1] == management.BATCH_VERSION


def test_the_app_sets_nothing_that_flex_consumption_refuses():
    """The plan answers BadRequest 51021 to each of these; functionAppConfig replaces them."""
    (site,) = resources("Microsoft.Web/sites")
    config = site.body["properties"]["siteConfig"]
    refused = "alwaysOn ftpsState functionAppScaleLimit functionsRuntimeScaleMonitoringEnabled"
    refused += " linuxFxVersion netFrameworkVersion preWarmedInstanceCount use32BitWorkerProcess"
    assert set(refused.split()) & set(config) == set()
    settings = "FUNCTIONS_EXTENSION_VERSION FUNCTIONS_WORKER_RUNTIME WEBSITE_RUN_FROM_PACKAGE"
    settings += " FUNCTIONS_WORKER_RUNTIME_VERSION"
    settings += " SCM_DO_BUILD_DURING_DEPLOYMENT ENABLE_ORYX_BUILD WEBSITE_VNET_ROUTE_ALL"
    settings += " WEBSITE_CONTENTAZUREFILECONNECTIONSTRING WEBSITE_CONTENTSHARE"
    settings += " WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT WEBSITE_NODE_DEFAULT_VERSION"
    assert set(settings.split()) & set(app_settings()) == set()


def test_the_template_has_the_version_of_the_program():
    assert AZD["metadata"]["template"] == f"fanfare@{__version__}"
