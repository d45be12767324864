"""What other users of the machine can see of a running stack."""

import base64
import contextlib
import os
import secrets
from pathlib import Path

from tests.emulators.stack.conftest import REPOSITORY

SAMPLE_APP = REPOSITORY / "tests" / "emulators" / "functions" / "sample_app"


def command_lines():
    """Yield what every process of this machine was started with, as `ps` shows it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield (entry / "cmdline").read_bytes()


def test_no_command_line_shows_a_key_and_no_file_is_open_to_others(stack, tmp_path):
    keys = {
        name: base64.b64encode(secrets.token_bytes(48)).decode()
        for name in ("storage_key", "batch_key", "eventgrid_key")
    }
    settings = {
        "AzureWebJobsStorage": "{storage.connection_string}",
        "PREFIX": "w-",
        "TICK": "0 0 0 1 1 *",
        "SCRATCH": str(tmp_path),
    }
    told = stack.ready(programs={}, app=str(SAMPLE_APP), settings=settings, eventgrid={}, **keys)
    assert keys["storage_key"] in told["endpoints"]["storage"]["connection_string"]
    seen = [line for line in command_lines() if os.fsencode(stack.data) in line]
    assert len(seen) >= 5
    assert not [line for line in seen for key in keys.values() if key.encode() in line]
    assert stack.data.stat().st_mode & 0o777 == 0o700
    links = {path for path in stack.data.rglob("*") if path.is_symlink()}
    open_to_others = [
        path for path in {*stack.data.rglob("*")} - links if path.stat().st_mode & 0o077
    ]
    assert open_to_others == []
