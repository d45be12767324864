"""Seeds of faults of the local stack: real processes, real files, real services."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from azure.batch.models import (
    BatchPoolEnableAutoScaleOptions,
    BatchPoolUpdateOptions,
    BatchStartTask,
)
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from pipeline.adapters.batch import client as batch_client
from pipeline.cli.target import read_env, render_env
from tests.faults.project import Project
from tests.patience import until

type Seed = Callable[["Site"], object]

SEEDS: dict[str, Seed] = {}
FAILS_LATER = "$TargetDedicatedNodes = 1/0;"


def seed(subject: str, name: str) -> Callable[[Seed], Seed]:
    """Register how a fault of the table is seeded."""

    def add(function: Seed) -> Seed:
        SEEDS[f"{subject}/{name}"] = function
        return function

    return add


class Site:
    """A project, the run in trouble if there is one, and what must be put right in the end."""

    def __init__(self, project: Project, after: ExitStack) -> None:
        self.project, self.after = project, after
        self.run, self.more, self.gate = "", (), None

    def edit(self, name: str, text: str | None) -> None:
        """Write or remove a file of the project until the test is over."""
        path = self.project.folder / name
        before = path.read_text("utf-8") if path.exists() else None
        _put(path, text)
        self.after.callback(_put, path, before)

    def begin(self, pipeline: str, content: str, name: str) -> None:
        """Start a run."""
        self.run = self.project.start(pipeline, content, name)

    def gated(self, name: str) -> None:
        """Start a run whose task waits for a gate, which opens when the remedy was tried."""
        gate = self.project.folder / f"gate-{name}"
        self.after.callback(gate.touch)
        self.gate = gate
        self.begin("strict-acts", f"wait {gate}\n", f"{name}.txt")
        until(lambda: self.shown("tasks-running"), 90, "the task to run", self.project.tell)

    def shown(self, code: str) -> bool:
        """Return whether `show` has a code."""
        return code in {answer.code for answer in self.project.show(self.run)}

    def pool_id(self, name: str) -> str:
        """Return the id of a pool in Batch."""
        found = [str(pool.id) for pool in self.batch.list_pools()]
        return next(pool for pool in found if pool.rpartition("-")[0] == name)

    @property
    def batch(self):
        """The real SDK's client."""
        return batch_client.connect(self.project.settings)


def _put(path, text: str | None) -> None:
    path.unlink() if text is None else path.write_text(text, "utf-8")


@seed("definition", "mistyped-key")
def mistyped(site: Site) -> None:
    site.edit("pipelines/typo.yaml", "triger: {http: true}\npool: cpu\n")


@seed("definition", "not-yaml")
def not_yaml(site: Site) -> None:
    site.edit("pipelines/torn.yaml", "trigger: {http: true\n")


@seed("definition", "script-removed")
def script_removed(site: Site) -> None:
    site.edit("task_scripts/act.py", None)


@seed("program", "module-is-not-there")
def module_missing(site: Site) -> None:
    ended(site, "strict-acts", "import nosuchmodule")


@seed("memory", "program-beyond-its-limit")
def memory(site: Site) -> None:
    ended(site, "trouble", "memory")


@seed("disk", "full-under-a-program")
def disk_of_a_program(site: Site) -> None:
    ended(site, "trouble", "disk")


def ended(site: Site, pipeline: str, line: str) -> None:
    """Run a program that fails, to its end."""
    site.begin(pipeline, f"{line}\n", f"{line.split(maxsplit=1)[0]}.txt")
    site.project.ends(site.run, "failed")


@seed("pool", "deleted")
def pool_deleted(site: Site) -> None:
    site.gated("pool")
    site.batch.begin_delete_pool(site.pool_id("cpu"), polling_interval=1).result()


@seed("pool", "stayed-broken")
def stayed_broken(site: Site) -> None:
    with_setting(site, "FANFARE_PATIENCE_POOL_S", "2")
    site.gated("stayed")
    site.batch.begin_delete_pool(site.pool_id("cpu"), polling_interval=1).result()
    site.project.ends(site.run, "failed")
    site.gate.touch()  # `fanfare redrive` waits for the end of the run


def with_setting(site: Site, name: str, value: str) -> None:
    """Change a setting of the app until the test is over; the app starts with it again."""
    path = site.project.data / "functions-settings.json"
    before = path.read_text("utf-8")
    found = json.loads(before)
    found["Values"][name] = value
    site.after.callback(_with_settings, site, path, before)
    _with_settings(site, path, json.dumps(found))


def _with_settings(site: Site, path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    os.kill(before := site.project.pid("functions"), signal.SIGKILL)
    until(lambda: site.project.pid("functions") not in (0, before), 60, "the app to start again")


def with_formula(site: Site, formula: str) -> None:
    options = BatchPoolEnableAutoScaleOptions(auto_scale_formula=formula)
    site.batch.enable_pool_auto_scale(site.pool_id("idle"), options)


@seed("pool", "formula-fails")
def formula_fails(site: Site) -> None:
    with_formula(site, FAILS_LATER)


@seed("pool", "no-formula")
def no_formula(site: Site) -> None:
    site.batch.disable_pool_auto_scale(site.pool_id("idle"))


@seed("pool", "node-unusable")
def node_unusable(site: Site) -> None:
    stricken(site, "node_unusable", "unusable", "DiskFull")


@seed("pool", "start-task-fails")
def start_task_fails(site: Site) -> None:
    # Definitions have no start task, but somebody may give a pool one.
    task = BatchStartTask(command_line="true", wait_for_success=True)
    site.batch.update_pool(site.pool_id("starting"), BatchPoolUpdateOptions(start_task=task))
    stricken(site, "start_task", "starting", "FailureExitCode")


def stricken(site: Site, operation: str, pool: str, code: str) -> None:
    """Let the first node of a pool be of no use, and start a run that needs it."""
    site.project.strike(operation=operation, match=site.pool_id(pool), count=1, code=code)
    site.begin(f"on-{pool}", "ok a\n", f"{pool}.txt")
    expected = "nodes-unusable" if operation == "node_unusable" else "start-task-failing"
    until(lambda: site.shown(expected), 60, expected, site.project.tell)


@seed("storage", "container-deleted")
def container_deleted(site: Site) -> None:
    with BlobServiceClient.from_connection_string(site.project.settings.storage_connection) as c:
        c.delete_container("work")


@seed("storage", "queue-deleted")
def queue_deleted(site: Site) -> None:
    with QueueServiceClient.from_connection_string(site.project.settings.storage_connection) as c:
        c.delete_queue("work-poison")


@seed("storage", "table-deleted")
def table_deleted(site: Site) -> None:
    with TableServiceClient.from_connection_string(site.project.settings.storage_connection) as c:
        c.delete_table("pools")


@seed("storage", "hangs")
def storage_hangs(site: Site) -> None:
    (azurite,) = children(site.project.pid("storage"))
    hang(site, azurite)


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")
    return [int(child) for child in listed.split()]


@seed("subscription", "event-grid-hangs")
def event_grid_hangs(site: Site) -> None:
    hang(site, site.project.pid("eventgrid"))


@seed("host", "hangs")
def host_hangs(site: Site) -> None:
    hang(site, site.project.pid("functions"))


@seed("host", "worker-hangs")
def worker_hangs(site: Site) -> None:
    hang(site, site.project.worker())


@seed("batch", "hangs")
def batch_hangs(site: Site) -> None:
    site.gated("batch")
    hang(site, site.project.pid("batch"))


def hang(site: Site, pid: int) -> None:
    """Suspend a process until the end of the test."""
    site.project.freeze(pid)
    site.after.callback(_continue, pid)


def _continue(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return  # the remedy ended it


@seed("host", "stack-killed")
def stack_killed(site: Site) -> None:
    os.kill(site.project.description["pid"], signal.SIGKILL)
    until(lambda: not site.project.up, 30, "the stack to be gone")


@seed("subscription", "deleted")
def subscription_deleted(site: Site) -> None:
    site.project.subscription("DELETE")


@seed("subscription", "to-another-queue")
def subscription_changed(site: Site) -> None:
    found = site.project.subscription("GET")
    found["properties"]["destination"]["properties"]["queueName"] = "work"
    site.project.subscription("PUT", {"properties": found["properties"]})


def with_another_key(site: Site, name: str, part: str) -> None:
    """Write another key into the settings of the command line."""
    path = site.project.data / "app.env"
    values = read_env(path)
    at = values[name].index(part) + len(part)
    wrong = values[name][:at] + ("A" if values[name][at] != "A" else "B") + values[name][at + 1 :]
    path.write_text(render_env({**values, name: wrong}), "utf-8")


@seed("key", "wrong-key-of-storage")
def wrong_key_of_storage(site: Site) -> None:
    with_another_key(site, "AzureWebJobsStorage", "AccountKey=")


@seed("key", "wrong-key-of-batch")
def wrong_key_of_batch(site: Site) -> None:
    with_another_key(site, "FANFARE_BATCH_KEY", "")


@seed("poison", "messages-nobody-reads")
def poison_messages(site: Site) -> None:
    hang(site, site.project.pid("functions"))
    with QueueServiceClient.from_connection_string(site.project.settings.storage_connection) as c:
        c.get_queue_client("work-poison").send_message("bm9uc2Vuc2U=")


@seed("disk", "full-under-the-stack")
def disk_of_the_stack(site: Site) -> None:
    assert "disk" not in {answer.code for answer in site.project.examine()}
    ballast = site.project.data / "ballast"
    site.after.callback(ballast.unlink, missing_ok=True)
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            return


@seed("name", "endpoints-do-not-resolve")
def no_names(site: Site) -> None:
    values = {
        **{
            f"AzureWebJobsStorage__{kind}ServiceUri": f"https://nowhere.{kind}.invalid/"
            for kind in ("blob", "queue", "table")
        },
        "FANFARE_BATCH_ENDPOINT": "https://nowhere.batch.invalid",
        "FANFARE_TOPIC_ENDPOINT": "https://nowhere.topic.invalid/api/events",
        "FANFARE_NODE_IDENTITY": "x",
    }
    (site.project.folder / "elsewhere.env").write_text(render_env(values), "utf-8")
    site.more = ("--target", "elsewhere.env")
