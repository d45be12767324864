"""`az batch` of the Azure CLI goes through a whole workflow, each command its own process."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.batch.running import ACCOUNT, KEY, Emulator
from tests.emulators.batch.workflows.installed import Program, program
from tests.emulators.certificate import certificate
from tests.patience import until

AZ = program("az", "azure-cli", "az")
POOL = {
    "id": "pool",
    "vmSize": "standard_d2s_v5",
    "targetDedicatedNodes": 1,
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "debian", "offer": "debian-12", "sku": "12"},
        "nodeAgentSKUId": "batch.node.debian 12",
    },
}
HELLO = "/bin/sh -c 'echo hello from $AZ_BATCH_TASK_ID'"
NOT_FOUND = 3


class Cli:
    """`az batch`, told its account by options or, as a login would, by the environment."""

    def __init__(self, home: Path, **more: str) -> None:
        quiet = {"AZURE_CORE_COLLECT_TELEMETRY": "0", "AZURE_CORE_NO_COLOR": "1"}
        own = {"HOME": str(home), "AZURE_CONFIG_DIR": str(home / "config")}
        self._az = Program(AZ, {**quiet, **own, **more})

    def __call__(self, command: str, *more: str) -> Any:
        """Return the JSON that a command prints, None if it prints nothing."""
        ended = self._az.run("batch", *command.split(), *more, "--output", "json")
        assert ended.code == 0, ended
        return json.loads(ended.output) if ended.output else None

    def refused(self, command: str, *more: str) -> tuple[int, str]:
        """Return the exit code of a command that fails, and what it says."""
        ended = self._az.run("batch", *command.split(), *more)
        assert ended.code != 0, ended
        return ended.code, ended.errors


@pytest.fixture(scope="module")
def az(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return Cli(
        tmp_path_factory.mktemp("az"),
        AZURE_BATCH_ACCOUNT=ACCOUNT,
        AZURE_BATCH_ACCESS_KEY=KEY,
        AZURE_BATCH_ENDPOINT=emulator.endpoint,
    )


@pytest.fixture
def job(az: Cli, emulator: Emulator, tmp_path: Path) -> Iterator[str]:
    """Make a pool and a job with `az`, and delete them with `az`."""
    (tmp_path / "pool.json").write_text(json.dumps(POOL))
    az("pool create --json-file", str(tmp_path / "pool.json"))
    az("job create --id job --pool-id pool --priority 7")
    yield "job"
    az("job delete --yes --job-id job")
    az("pool delete --yes --pool-id pool")
    until(lambda: not list(emulator.client.list_pools()) and not list(emulator.client.list_jobs()))
    assert az.refused("pool show --pool-id pool")[0] == NOT_FOUND
    assert az.refused("job show --job-id job")[0] == NOT_FOUND


def test_a_workflow_runs_a_task_fetches_its_output_and_ends_its_job(
    az: Cli, emulator: Emulator, job: str, tmp_path: Path
) -> None:
    assert az("job show --job-id job")["priority"] == 7
    az("task create --job-id job --task-id single --command-line", HELLO)
    emulator.finished(job, "single")
    shown = az("task show --job-id job --task-id single")
    assert (shown["state"], shown["executionInfo"]["exitCode"]) == ("completed", 0)
    files = az("task file list --job-id job --task-id single")
    assert [file["name"] for file in files] == ["stdout.txt", "stderr.txt", "wd"]
    fetched = tmp_path / "fetched.txt"
    one = ("task", "file", "download", "--job-id", job, "--task-id", "single")
    az(" ".join(one), "--file-path", "stdout.txt", "--destination", str(fetched))
    assert fetched.read_text() == "hello from single\n"
    az("job stop --job-id job --terminate-reason enough")
    assert az("job show --job-id job")["executionInfo"]["terminateReason"] == "enough"


def test_tasks_of_a_file_are_added_counted_and_listed_with_the_one_that_failed(
    az: Cli, emulator: Emulator, job: str, tmp_path: Path
) -> None:
    failing = {"id": "failing", "commandLine": "/bin/sh -c 'exit 3'"}
    tasks = [{"id": f"task-{n}", "commandLine": HELLO} for n in range(3)]
    (tmp_path / "tasks.json").write_text(json.dumps([*tasks, failing]))
    added = az("task create --job-id job --json-file", str(tmp_path / "tasks.json"))
    assert [task["status"].lower() for task in added] == ["success"] * 4
    for task in (*tasks, failing):
        emulator.finished(job, task["id"])
    counts = az("job task-counts show --job-id job")["taskCounts"]
    assert (counts["succeeded"], counts["failed"]) == (3, 1)
    failed = az("task list --job-id job --filter", "executionInfo/result eq 'failure'")
    assert [(task["id"], task["executionInfo"]["exitCode"]) for task in failed] == [("failing", 3)]


def test_a_pool_grows_by_command_and_then_by_formula(az: Cli, emulator: Emulator, job: str) -> None:
    az("pool resize --pool-id pool --target-dedicated-nodes 2")
    until(lambda: emulator.client.get_pool("pool").current_dedicated_nodes == 2)
    until(lambda: emulator.client.get_pool("pool").allocation_state == "steady")
    assert len(az("node list --pool-id pool")) == 2
    formula = "$TargetDedicatedNodes = 3;"
    az("pool autoscale enable --pool-id pool --auto-scale-formula", formula)
    evaluated = az("pool autoscale evaluate --pool-id pool --auto-scale-formula", formula)
    assert "$TargetDedicatedNodes=3" in evaluated["results"]
    until(lambda: emulator.client.get_pool("pool").current_dedicated_nodes == 3)
    assert az("pool show --pool-id pool")["currentDedicatedNodes"] == 3


def test_az_over_https_takes_the_account_from_its_options(tmp_path: Path) -> None:
    cert, key_file = certificate(tmp_path)
    emulator = Emulator(tmp_path / "data", "--cert", str(cert), "--key-file", str(key_file))
    az = Cli(tmp_path, REQUESTS_CA_BUNDLE=str(cert))
    account = ("--account-name", ACCOUNT, "--account-endpoint", emulator.endpoint)
    assert az("pool list", *account, "--account-key", KEY) == []
    assert (
        "AuthenticationFailed" in az.refused("pool list", *account, "--account-key", "d3Jvbmc=")[1]
    )
    assert emulator.stop() == 0
