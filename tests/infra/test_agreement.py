"""The deployment and the code name the same things: settings, queues, pools, roles, sentences."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

from pipeline import __version__
from pipeline.cli.commands.up_down import bodies_of
from pipeline.cli.target import definitions
from pipeline.domain.health.azure import BATCH_API, PROVIDERS
from pipeline.domain.pools.resource import pool_resource, registries
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import (
    CONTAINERS,
    UPLOADED,
    Generation,
    plan_page,
)
from pipeline.handlers.running.executions import uploads
from pipeline.ledger.layout import TABLES
from pipeline.settings import HttpAccess, Settings
from scripts import render_environments
from scripts.render_pools import rendered
from tests.infra.deployment import (
    AZD,
    FILES,
    INFRA,
    MAIN,
    PARAMETERS,
    POOLS,
    ROOT,
    TEMPLATE,
    app_settings,
    names,
    one,
    resources,
)

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
    outputs = {name: "x" for name in TEMPLATE["outputs"]}
    assert Settings.from_env(outputs, ROOT).batch_endpoint == "x"
    own = {name for name in outputs if not name.startswith("AZURE_")}
    assert own <= asked_settings()


def containers():
    return names(f"{STORAGE}/blobServices/containers", "public")


def test_storage_holds_what_the_code_uses_and_the_package_of_the_app():
    assert containers() == [*CONTAINERS, "deployments"]
    assert names(f"{STORAGE}/tableServices/tables", "public") == list(TABLES)


def test_poison_queues_stand_beside_their_queues():
    queues = names(f"{STORAGE}/queueServices/queues", "public")
    assert queues == [*Queue, *(f"{queue}-poison" for queue in Queue)]


def test_a_container_can_be_restored_for_a_week_and_a_blob_cannot():
    """Deleted blobs would cost twice: what runs leave is deleted each day."""
    kept = one(f"{STORAGE}/blobServices")["properties"]
    assert kept["containerDeleteRetentionPolicy"] == {"enabled": True, "days": 7}
    assert kept["deleteRetentionPolicy"] == {"enabled": False}


def test_nodes_create_blobs_only_where_the_engine_keeps_nothing_of_its_own():
    run = SimpleNamespace(names=Generation("job-0", 1, "0" * 32))
    created = {upload.container for upload in uploads(run, "t000000")}
    own = {run.names.chosen.container, run.names.parts.container, plan_page("f", 0).container}
    assert (created, created & own) == (set(UPLOADED), set())


def test_rendered_pools_are_in_step():
    assert (INFRA / "pools.json").read_text("utf-8") == rendered(), "run `make render`"


def test_rendered_environments_are_in_step():
    found = (INFRA / "environments.json").read_text("utf-8")
    assert found == render_environments.rendered(), "run `make render`"


def test_the_emulator_gets_the_pools_that_azure_gets():
    bodies = bodies_of(definitions().pools)
    pools = [pool for _, pool in sorted(definitions().pools.items())]
    assert [
        {**pool_resource(b, registries(p)), "gpu": p.devices > 0}
        for p, b in zip(pools, bodies, strict=True)
    ] == POOLS


def test_pools_with_gpus_are_made_on_request_only():
    """A size that the region lacks stops the deployment, and azd then does not deploy the app."""
    kind = "Microsoft.Batch/batchAccounts/pools"
    assert {pool["properties"]["displayName"] for pool in POOLS if pool["gpu"]} == {"gpu"}
    assert names(kind, "public") == [pool["name"] for pool in POOLS if not pool["gpu"]]
    assert names(kind, "all") == [pool["name"] for pool in POOLS]
    assert PARAMETERS["gpuPools"] == {"value": "${FANFARE_GPU_POOLS=false}"}


def test_a_pool_that_a_deployment_is_told_to_leave_out_is_not_made():
    """One that Azure refuses would stop every later deployment."""
    named = [pool["name"] for pool in POOLS]
    left = {pool["name"] for pool in POOLS if pool["properties"]["displayName"] == "containers"}
    assert names("Microsoft.Batch/batchAccounts/pools", "private") == [
        name for name in named if name not in left and not name.startswith("gpu-")
    ]
    assert PARAMETERS["withoutPools"] == {"value": "${FANFARE_WITHOUT_POOLS=}"}


def test_bills_show_which_pool_costs_what():
    pools = resources("Microsoft.Batch/batchAccounts/pools")
    named = [pool["properties"]["displayName"] for pool in pools]
    assert [pool["tags"]["fanfare-pool"] for pool in pools] == named


def test_azd_finds_the_app():
    (name,) = AZD["services"]
    assert one("Microsoft.Web/sites")["tags"]["azd-service-name"] == name
    (service,) = AZD["services"].values()
    assert (service["host"], service["language"]) == ("function", "python")
    assert (ROOT / service["project"] / "function_app.py").is_file()
    assert (ROOT / AZD["infra"]["path"] / f"{AZD['infra']['module']}.bicep") == MAIN
    assert one("Microsoft.Resources/resourceGroups")["tags"]["azd-env-name"]


def test_the_app_runs_on_the_python_of_the_tests():
    version = TEMPLATE["parameters"]["pythonVersion"]["defaultValue"]
    assert f'requires-python = ">={version}"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_settings_of_the_operator_are_added_or_take_the_place_of_ours():
    """A deployment replaces all settings of the app: one that is made by hand would vanish."""
    ours, all_of_them = app_settings(), app_settings("all")
    assert set(all_of_them) - set(ours) == {"EXTRA"}
    assert all_of_them["FANFARE_TICK"] == "30 * * * * *" != ours["FANFARE_TICK"]


def test_copies_of_the_account_are_kept_where_the_operator_says():
    assert one(STORAGE, "public")["sku"] == {"name": "Standard_LRS"}
    assert one(STORAGE, "all")["sku"] == {"name": "Standard_ZRS"}


def test_no_template_reads_a_key():
    for path in FILES:
        assert not re.search(
            r"listKeys|list\w*Secrets|AccountKey|sharedKeys", path.read_text("utf-8")
        )


def test_doors_that_take_keys_are_shut():
    def said(kind):
        return one(kind, "public")["properties"]

    assert said(STORAGE)["allowSharedKeyAccess"] is False
    assert said("Microsoft.EventGrid/topics")["disableLocalAuth"] is True
    assert said("Microsoft.Batch/batchAccounts")["allowedAuthenticationModes"] == ["AAD"]
    assert said("Microsoft.Insights/components")["DisableLocalAuth"] is True
    policies = resources("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert [policy["properties"] for policy in policies] == [{"allow": False}] * 2
    assert Path(INFRA / "main.parameters.json").read_text("utf-8").count("secret") == 0
    settings = json.dumps(app_settings())
    assert settings.replace("suffixes.keyvaultDns", "").count("key") == 0


def test_what_services_ask_for_beyond_their_types_is_given():
    """Without a location: "has an invalid value" (Azure/bicep-types-az issue 1317)."""
    policies = resources("Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert len(policies) == 2 and all("location" in policy for policy in policies)


def test_the_batch_account_has_no_storage_of_its_own():
    """Nothing here uses auto-storage, and its identity would need a role on all blobs."""
    account = one("Microsoft.Batch/batchAccounts")
    assert not {"autoStorage", "identity"} & {*account, *account["properties"]}


def test_the_doctor_asks_for_the_providers_of_what_the_deployment_makes():
    text = "".join(path.read_text("utf-8") for path in FILES)
    assert not [name for name in PROVIDERS if f"'{name}/" not in text]


def test_the_doctor_asks_batch_by_the_version_that_the_templates_use():
    """Older versions are announced to be retired (Azure/Batch issue 140)."""
    assert one("Microsoft.Batch/batchAccounts")["apiVersion"] == BATCH_API


def test_the_app_sets_nothing_that_flex_consumption_refuses():
    """The plan answers BadRequest 51021 to each of these; functionAppConfig replaces them."""
    config = one("Microsoft.Web/sites")["properties"]["siteConfig"]
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
