"""Apache Airflow runs DAGs of its AzureBatchOperator, unmodified, with its own commands."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

from tests.emulators.batch.running import ACCOUNT, KEY, Azurite, Emulator
from tests.emulators.batch.transfer.access import sas
from tests.emulators.batch.workflows.installed import Ended, Program, program

AIRFLOW = program("airflow", "Apache Airflow", "airflow")
DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    running = Emulator(tmp_path_factory.mktemp("batch"), "--dedicated-core-quota", "20")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    access = {"account_name": azurite.account, "account_key": azurite.key}
    url = f"{azurite.endpoint}/work"
    with ContainerClient.from_container_url(url, credential=access) as client:
        client.create_container()
        yield client
        client.delete_container()


@pytest.fixture(scope="module")
def airflow(
    emulator: Emulator,
    azurite: Azurite,
    container: ContainerClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Program:
    """Return Airflow with a database, and with the emulator as its default account."""
    home = str(tmp_path_factory.mktemp("airflow"))
    connection = {
        "conn_type": "azure_batch",
        "login": ACCOUNT,
        "password": KEY,
        "extra": {"account_url": emulator.endpoint},
    }
    installed = Program(
        AIRFLOW,
        {
            "HOME": home,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW_CONN_AZURE_BATCH_DEFAULT": json.dumps(connection),
            "CONTAINER_URL": f"{container.url}?{sas(azurite)}",
        },
    )
    migrated = installed.run("db", "migrate")
    assert migrated.code == 0, migrated
    return installed


def outcome(airflow: Program, dag: str) -> Ended:
    return airflow.run("dags", "test", dag)


def read(container: ContainerClient, name: str) -> bytes:
    return container.download_blob(name).readall()


@pytest.mark.parametrize("dag", ["waiting", "deferred"])
def test_a_workflow_makes_pool_and_job_keeps_the_output_and_cleans_up(
    airflow: Program, emulator: Emulator, container: ContainerClient, dag: str
) -> None:
    ended = outcome(airflow, dag)
    assert ended.code == 0, ended
    assert f"Created pool: {dag}" in ended.output
    assert f"Job {dag} created" in ended.output
    assert read(container, f"{dag}/stdout.txt") == b"hello\n"
    with pytest.raises(ResourceNotFoundError, match="JobNotFound"):
        emulator.client.get_job(dag)
    with pytest.raises(ResourceNotFoundError, match="PoolNotFound"):
        emulator.client.get_pool(dag)


def test_a_workflow_takes_a_pool_that_scales_by_itself(
    airflow: Program, emulator: Emulator, container: ContainerClient
) -> None:
    ended = outcome(airflow, "scaling")
    assert ended.code == 0, ended
    assert read(container, "scaling/stdout.txt") == b"hello\n"
    assert emulator.client.get_pool("scaling").current_dedicated_nodes == 2


def test_a_task_that_fails_fails_its_workflow_and_leaves_its_output(
    airflow: Program, emulator: Emulator, container: ContainerClient
) -> None:
    ended = outcome(airflow, "failing")
    assert ended.code == 1
    assert "RuntimeError: Job fail. The failed task are" in ended.output
    assert "'exitCode': 3" in ended.output
    assert read(container, "failing/stderr.txt") == b"no luck\n"
    with pytest.raises(ResourceNotFoundError, match="PoolNotFound"):
        emulator.client.get_pool("failing")


def test_a_task_that_fails_fails_a_workflow_that_was_deferred(
    airflow: Program, emulator: Emulator
) -> None:
    ended = outcome(airflow, "failing_deferred")
    assert ended.code == 1
    assert "Azure Batch job failing_deferred failed. Failed tasks: ['task']" in ended.output
    assert emulator.client.get_task("failing_deferred", "task").execution_info.exit_code == 3


def test_a_pool_that_the_quota_cuts_short_fails_its_workflow(
    airflow: Program, emulator: Emulator
) -> None:
    ended = outcome(airflow, "too_large")
    assert ended.code == 1
    assert "resize error encountered for pool too_large" in ended.output
    assert "AccountCoreQuotaReached" in ended.output
    with pytest.raises(ResourceNotFoundError, match="JobNotFound"):
        emulator.client.get_job("too_large")
