"""How the storage emulator starts, ends and starts again."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from tests.emulators.storage.conftest import lines
from tests.emulators.storage.processes import KEY, launch, running, storage_flags
from tests.patience import Limit, stretched


def ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return True


def refused(*flags: str) -> str:
    command = [sys.executable, "-m", "emulators.storage", *flags]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=stretched(90)
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr


def child_of(emulator) -> psutil.Process:
    (child,) = psutil.Process(emulator.process.pid).children()
    return child


def test_a_restart_keeps_data_ports_and_the_rising_sequencer(tmp_path):
    with running("storage", *storage_flags(tmp_path)) as first:
        connection = first.ready["connection_string"]
        with BlobServiceClient.from_connection_string(connection) as blobs:
            blobs.create_container("kept").upload_blob("blob", b"kept")
        with QueueServiceClient.from_connection_string(connection) as queues:
            queues.create_queue("kept")
        with TableServiceClient.from_connection_string(connection) as tables:
            tables.create_table("kept")
    with running("storage", *storage_flags(tmp_path)) as second:
        assert second.ready["connection_string"] == connection
        with BlobServiceClient.from_connection_string(connection) as blobs:
            kept = blobs.get_container_client("kept")
            assert kept.download_blob("blob").readall() == b"kept"
            kept.upload_blob("blob", b"again", overwrite=True)
        before, after = (line["data"]["sequencer"] for line in lines(second))
        assert after > before


def test_health_is_good_while_all_three_services_answer(storage):
    with urllib.request.urlopen(f"{storage.ready['endpoint']}/health") as answer:
        body = json.load(answer)
    assert body == {
        "status": "healthy",
        "services": {"blob": True, "queue": True, "table": True},
    }


def test_a_remembered_port_that_is_taken_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = {"blob": port, "queue": 0, "table": 0}
        (tmp_path / "ports.json").write_text(json.dumps(ports))
        message = refused(*storage_flags(tmp_path))
    assert f"Port {port} for the blob service is taken" in message
    assert "--blob-port" in message


def test_a_key_that_is_not_base64_is_refused(tmp_path):
    assert "--key has to be base64" in refused("--data", str(tmp_path), "--key", "§§")


def test_a_damaged_data_folder_is_named(tmp_path):
    (tmp_path / "azurite").mkdir()
    (tmp_path / "azurite" / "__azurite_db_blob__.json").write_text("{damaged")
    message = refused(*storage_flags(tmp_path))
    assert "move" in message
    assert str(tmp_path / "azurite") in message


def test_when_azurite_dies_so_does_the_emulator(tmp_path):
    with running("storage", *storage_flags(tmp_path)) as emulator:
        child_of(emulator).kill()
        assert emulator.process.wait(stretched(60)) == 1
        assert "Azurite ended by itself" in emulator.errors()


def test_a_killed_emulator_can_be_started_again_at_once_and_nothing_is_lost(tmp_path):
    emulator = launch("storage", *storage_flags(tmp_path))
    child = child_of(emulator)
    with BlobServiceClient.from_connection_string(emulator.ready["connection_string"]) as blobs:
        blobs.create_container("kept").upload_blob("blob", b"kept")
    os.kill(emulator.process.pid, signal.SIGKILL)
    emulator.close()
    with (
        running("storage", *storage_flags(tmp_path)) as again,
        BlobServiceClient.from_connection_string(again.ready["connection_string"]) as blobs,
    ):
        assert blobs.get_container_client("kept").download_blob("blob").readall() == b"kept"
        assert ended(child)
        assert again.ready["connection_string"] == emulator.ready["connection_string"]


def test_azurite_saves_what_it_acknowledged_however_often_it_is_told_to_end(tmp_path):
    # When a parent with threads is killed, its children are told once for each thread.
    with running("storage", *storage_flags(tmp_path)) as first:
        azurite, connection = child_of(first), first.ready["connection_string"]
        with BlobServiceClient.from_connection_string(connection) as blobs:
            container = blobs.create_container("kept")
            for number in range(200):
                container.upload_blob(f"{number}", b"kept")
        limit = Limit(30)
        while not ended(azurite):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                azurite.terminate()  # without a pause: saving takes milliseconds
            assert not limit.passed()
    with (
        running("storage", *storage_flags(tmp_path)),
        BlobServiceClient.from_connection_string(connection) as blobs,
    ):
        assert len(list(blobs.get_container_client("kept").list_blobs())) == 200


def test_a_line_cut_short_by_a_crash_is_closed_before_the_next_one(tmp_path):
    outbox = tmp_path / "outbox.jsonl"
    outbox.write_text('{"half":')
    with (
        running("storage", *storage_flags(tmp_path)) as emulator,
        BlobServiceClient.from_connection_string(emulator.ready["connection_string"]) as blobs,
    ):
        blobs.create_container("whole").upload_blob("blob", b"x")
    half, whole = outbox.read_text().splitlines()
    assert half == '{"half":'
    assert json.loads(whole)["data"]["api"] == "PutBlob"


def test_the_awkward_profile_quotes_some_etags(tmp_path):
    with (
        running("storage", *storage_flags(tmp_path), "--profile", "awkward") as emulator,
        BlobServiceClient.from_connection_string(emulator.ready["connection_string"]) as blobs,
    ):
        container = blobs.create_container("etags")
        for number in range(20):
            container.upload_blob(str(number), b"x")
        quoted = {line["data"]["eTag"].startswith('"') for line in lines(emulator)}
    assert quoted == {False, True}


def test_the_key_is_not_in_the_emulators_files(storage):
    for path in Path(storage.ready["outbox"]).parent.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes()
