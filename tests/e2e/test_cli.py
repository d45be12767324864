"""The command as a user types it: up, a run on real nodes, trouble with the stack, down."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest
from azure.storage.blob import BlobServiceClient

from emulators._http import reserve
from pipeline.adapters.batch import client as batch_client
from pipeline.bootstrap import build
from pipeline.cli.exits import Exit
from pipeline.cli.stack.config import PORTS
from pipeline.cli.stack.grid import EventGrid
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.target import read_env
from pipeline.domain.health.findings import SYSTEM_TOPIC
from pipeline.ledger import watermarks
from pipeline.ledger.layout import RUNS
from pipeline.ports.tables import Remove
from pipeline.settings import Settings
from tests.depth import EVERYTHING, more
from tests.e2e.local import ROOT
from tests.patience import stretched

MAIN = "from pipeline.cli.main import main; main()"


class Fanfare:
    """Runs `fanfare` with a data folder of its own."""

    def __init__(self, data: Path, cwd: Path = ROOT) -> None:
        self.data, self.cwd = data, cwd

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = "--data" if arguments[0] in ("up", "down") else "--target"
        return self.plainly(*arguments, where, str(self.data))

    def plainly(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", MAIN, *arguments]
        return subprocess.run(
            command,
            cwd=self.cwd,
            capture_output=True,
            text=True,
            timeout=stretched(100),
            check=False,
        )

    def json(self, *arguments: str):
        done = self(*arguments, "--json")
        assert done.returncode == Exit.OK, done.stdout + done.stderr
        return json.loads(done.stdout)

    def json_of(self, *arguments: str):
        """Read an answer, whatever the exit code says."""
        return json.loads(self(*arguments, "--json").stdout)

    def refusal(self, *arguments: str, code: Exit = Exit.FAILED) -> str:
        done = self(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def fanfare(tmp_path_factory):
    command = Fanfare(tmp_path_factory.mktemp("cli") / "data")
    yield command
    command("down", "--force")


@pytest.fixture(scope="module")
def run(fanfare) -> str:
    """Start the stack and price an option, with a pipeline that needs no file."""
    fanfare.json("up")
    priced = fanfare.json(
        "run", "option-pricing", "-p", "paths=100000", "--timeout", f"{stretched(80):.0f}"
    )
    assert (priced["state"], priced["succeeded"]) == ("succeeded", 2)
    return priced["id"]


def test_a_run_on_the_local_stack_can_be_looked_at(fanfare, run):
    shown = fanfare.json("show", run)
    names = [file["name"] for file in shown["files"]]
    assert names == ["price.json", "prices.csv", "prices.svg"]
    assert "succeeded" in fanfare("logs", run, "0").stdout
    assert run in fanfare("ls").stdout


def test_an_output_is_fetched_checked_and_shown(fanfare, run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "out"
    got = fanfare.json("get", run, str(folder))
    assert (got["files"], got["fetched"]) == (["price.json", "prices.csv", "prices.svg"], 3)
    assert fanfare.plainly("verify", str(folder)).returncode == Exit.OK
    (folder / "prices.csv").write_text("0")
    assert fanfare.plainly("verify", str(folder)).returncode == Exit.FAILED
    shown = Path(fanfare("open", run, "--print").stdout.strip())
    assert (shown / "price.json").read_bytes() == (folder / "price.json").read_bytes()
    assert fanfare.json("diff", run, "latest") == {
        "runs": [run, run], "equal": True, "differences": []
    }  # fmt: skip


def test_the_doctor_finds_a_local_stack_healthy_and_leaves_nothing(fanfare, run):
    told = fanfare.json("doctor")
    assert told["healthy"], [one for one in told["findings"] if one["level"] != "ok"]
    levels = {one["check"]: one["level"] for one in told["findings"]}
    assert levels["events of input"] == levels["events of receipts"] == "ok"
    assert levels["quotas"] == "only in Azure"
    assert len(fanfare.json("ls")["runs"]) == 1


def test_up_is_idempotent_and_shows_how_to_connect(fanfare, run):
    first, again = fanfare.json("up"), fanfare("up")
    assert "was up already" in again.stdout
    assert f"BlobEndpoint={first['endpoints']['blob']};" in again.stdout
    assert (fanfare.data / "app.env").stat().st_mode & 0o777 == 0o600


def test_up_watches_for_the_lost_events_of_new_pipelines_before_it_ends(fanfare, run):
    engine = build(settings_of(fanfare))
    tables = engine.ports.tables
    triggered = [p.name for p in engine.catalogue.pipelines.values() if p.trigger.blob]
    tables.transact(RUNS, triggered[0], [Remove("!events")])
    assert watermarks.watched(tables, triggered[0]) is None
    fanfare.json("up")
    assert all(watermarks.watched(tables, name) for name in triggered)


def settings_of(fanfare) -> Settings:
    values = json.loads((fanfare.data / "functions-settings.json").read_text())["Values"]
    return Settings.from_env(values, ROOT)


def delete_container(fanfare) -> None:
    connection = settings_of(fanfare).storage_connection
    with BlobServiceClient.from_connection_string(connection) as blobs:
        blobs.delete_container("work")


def delete_pool(fanfare) -> None:
    client = batch_client.connect(settings_of(fanfare))
    pools = [str(pool.id) for pool in client.list_pools() if str(pool.id).startswith("cpu")]
    for pool in pools:
        client.begin_delete_pool(pool, polling_interval=1).result()


def stop_scaling(fanfare) -> None:
    client = batch_client.connect(settings_of(fanfare))
    (pool,) = (str(p.id) for p in client.list_pools() if str(p.id).startswith("gpu"))
    client.disable_pool_auto_scale(pool)


def delete_subscription(fanfare) -> None:
    assert EventGrid.of(LocalStack(fanfare.data)).delete(SYSTEM_TOPIC, "blob-events")


# Each damage, the check of the doctor that finds it, and what `up` says when it has mended it.
DAMAGES = (
    (delete_container, "containers", "created container work, which was missing"),
    (delete_pool, "pool cpu", "created pool cpu"),
    (stop_scaling, "pool gpu", "gave pool gpu"),
    (delete_subscription, "events of input", "created the event subscription blob-events"),
)


# Five starts of the command and a wait of the doctor are long: `make test-all` tries each alone.
@pytest.mark.parametrize(
    "damages", more([DAMAGES], [DAMAGES, *((one,) for one in DAMAGES)]), ids=len
)
def test_up_mends_what_a_running_stack_lacks(fanfare, run, damages):
    fanfare.json("up")
    for damage, _, _ in damages:
        damage(fanfare)
    told = fanfare.json_of("doctor", "--wait", "10")["findings"]
    mend = f"fanfare up --data {fanfare.data}"
    found = {finding["check"] for finding in told if finding["mend"] == mend}
    assert found == {check for _, check, _ in damages}
    mended = fanfare.json("up")["mended"]
    assert all(any(one.startswith(said) for one in mended) for _, _, said in damages), mended
    assert len(mended) == len(damages)
    assert fanfare.json("doctor")["healthy"]
    assert fanfare.json("up")["mended"] == []


# Each waits 20 seconds for an answer. That of storage is like that of its Azurite, below.
@pytest.mark.parametrize("service", more(["batch"], ["storage", "batch"]))
def test_up_restarts_a_service_that_hangs(fanfare, run, service):
    fanfare.json("up")
    pid = json.loads((fanfare.data / "stack.json").read_text())["pids"][service]
    os.kill(pid, signal.SIGSTOP)
    told = fanfare.json("up")["mended"]
    assert f"restarted {service}, which did not answer" in told
    assert not Path(f"/proc/{pid}").exists()


def test_up_restarts_storage_whose_azurite_hangs(fanfare, run):
    fanfare.json("up")
    pid = json.loads((fanfare.data / "stack.json").read_text())["pids"]["storage"]
    (azurite,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    connection = read_env(fanfare.data / "app.env")["AzureWebJobsStorage"]
    with BlobServiceClient.from_connection_string(connection) as blobs:
        kept = blobs.get_blob_client("work", "kept-by-azurite")
        kept.upload_blob(b"acknowledged")
        os.kill(int(azurite), signal.SIGSTOP)
        assert "restarted storage, which did not answer" in fanfare.json("up")["mended"]
        assert not Path(f"/proc/{azurite}").exists()
        assert kept.download_blob().readall() == b"acknowledged"


def test_up_restarts_the_app_whose_worker_hangs(fanfare, run):
    with urlopen(fanfare.json("up")["endpoints"]["functions"] + "/health", timeout=10) as reply:
        worker = json.loads(reply.read())["worker_pid"]
    os.kill(worker, signal.SIGSTOP)
    assert fanfare.json("up")["mended"] == ["restarted functions, which did not answer"]
    assert not Path(f"/proc/{worker}").exists()


@pytest.mark.skipif(not EVERYTHING, reason="`make test-all` lets a whole stack hang")
def test_up_restarts_a_stack_that_does_not_start_its_services_again(fanfare, run):
    found = json.loads((fanfare.data / "stack.json").read_text())
    os.kill(found["pid"], signal.SIGSTOP)
    os.kill(found["pids"]["batch"], signal.SIGSTOP)
    assert "Restarting the local stack" in fanfare("up").stderr
    assert fanfare.json("ls")["runs"][0]["id"] == run


def test_a_stack_that_was_killed_comes_back_with_its_data(fanfare, run):
    os.kill(fanfare.json("up")["pid"], signal.SIGKILL)
    assert "not up" in fanfare.refusal("ls", code=Exit.UNREACHABLE)
    fanfare.json("up")
    assert fanfare.json("ls")["runs"][0]["id"] == run


def test_down_stops_every_process_and_may_be_repeated(fanfare, run):
    fanfare.json("up")
    pids = json.loads((fanfare.data / "stack.json").read_text())["pids"].values()
    assert fanfare.json("down") == {"stopped": True}
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert fanfare.json("down") == {"stopped": False}


def first_of_free_ports() -> socket.socket:
    """Take a port whose neighbours, which the stack takes as well, nobody has."""
    with ExitStack() as neighbours:
        while True:
            taken = reserve(0)
            port = taken.getsockname()[1]
            try:
                for n in range(1, len(PORTS)):
                    neighbours.enter_context(reserve(port + n))
            except OSError:
                taken.close()
            else:
                taken.listen()
                return taken


def test_a_taken_port_is_named_with_a_way_out(tmp_path):
    with first_of_free_ports() as taken:
        port = taken.getsockname()[1]
        message = Fanfare(tmp_path / "data").refusal("up", "--port", str(port))
    assert f"Port {port} for functions is taken" in message


def test_a_damaged_folder_is_named_with_a_way_out(tmp_path):
    (tmp_path / "keys.json").write_text("{")
    assert "fanfare up --fresh" in Fanfare(tmp_path).refusal("up")
