"""Event Grid loses nothing when it is killed at work, and explains why it cannot start."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.emulators.eventgrid.conftest import (
    call,
    launch_grid,
    subscription,
    sync,
    to_queue,
    under,
)
from tests.emulators.storage.processes import launch
from tests.patience import stretched

BLOBS = 120
KILL_EVERY = 30


def kill(emulator):
    os.kill(emulator.process.pid, signal.SIGKILL)
    emulator.close()


def test_after_kills_blobs_events_and_messages_are_the_same_set(tmp_path, storage, place):
    container, queue = place
    name = container.container_name
    wanted = [subscription("blobs", "q", to_queue(name), filter=under(name))]
    emulator = launch_grid(tmp_path, storage, wanted)
    try:
        for number in range(BLOBS):
            container.upload_blob(f"b{number}", b"x")
            if number % KILL_EVERY == KILL_EVERY - 1:
                kill(emulator)
                emulator = launch_grid(tmp_path, storage, wanted)
        sync(emulator)
        state = call(emulator, "GET", "/_admin/state")[1]
    finally:
        emulator.stop()
        emulator.close()
    listed = {blob.name for blob in container.list_blobs()}
    found = [json.loads(m.content) for m in queue.receive_messages(messages_per_page=32)]
    assert state["deliveries"]["blobs/q"] == {"delivered": BLOBS}
    assert {m["subject"].rsplit("/", 1)[1] for m in found} == listed
    assert len({m["id"] for m in found}) == len(listed) == BLOBS


@pytest.mark.parametrize(
    "content", ["{not json", "[]", '{"eventSubscriptions": [{}]}', '{"topics": [1]}']
)
def test_a_bad_configuration_is_one_clear_line(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    message = refused(tmp_path)
    assert len(message.strip().splitlines()) == 1


def test_a_damaged_database_is_named_with_a_way_out(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "eventgrid.db").write_text("this is no database" * 100)
    message = refused(tmp_path)
    assert "eventgrid.db" in message
    assert "move it away" in message


def test_a_second_emulator_on_the_same_folder_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    first = launch("eventgrid", *flags(tmp_path))
    try:
        assert "cannot be used" in refused(tmp_path)
    finally:
        assert first.stop() == 0
        first.close()


def flags(folder):
    return ["--data", str(folder), "--config", str(folder / "config.json")]


def refused(folder) -> str:
    command = [sys.executable, "-m", "emulators.eventgrid", *flags(folder)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=stretched(90)
    )
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    return result.stderr
