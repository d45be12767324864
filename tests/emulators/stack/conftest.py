"""A stack of fake services, which starts at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dispositions import HEARING
from tests.patience import stretched

REPOSITORY = Path(__file__).parents[3]
FAKE = [sys.executable, str(Path(__file__).parent / "fake_service.py")]
SERVICES = ("storage", "eventgrid", "batch", "functions")


class Launched:
    """A stack of fake services."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.config = folder / "config.json"
        self.processes = []
        self.document = {
            "storage_key": "a2V5", "batch_key": "a2V5", "eventgrid_key": "a2V5", "app": str(folder),
            "settings": {
                "CONNECTION": "{storage.connection_string}", "BRACES": "{name} {batch.endpoint}",
            },
            "eventgrid": {"url": "{functions.endpoint}/x?code={functions.eventgrid_key}"},
            "identities": ["/id/one"], "programs": dict.fromkeys(SERVICES, FAKE),
        }  # fmt: skip

    def start(self, *flags, stdin=None, under=(), **changes):
        self.config.write_text(json.dumps(self.document | changes))
        process = subprocess.Popen(
            [
                *HEARING, *under, sys.executable, "-m", "emulators.stack", *flags,
                "--data", str(self.data), "--config", str(self.config),
            ],
            cwd=REPOSITORY, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def ready(self, **changes):
        return json.loads(self.start(**changes).stdout.readline())

    def events(self):
        return (self.data / "events").read_text().splitlines()

    def refusal(self, **changes):
        _, message = (process := self.start(**changes)).communicate(timeout=stretched(90))
        assert process.returncode == 2
        assert "Traceback" not in message
        return message

    def close(self):
        for process in self.processes:
            process.terminate()
            process.communicate(timeout=stretched(90))


@pytest.fixture
def stack(tmp_path):
    launched = Launched(tmp_path)
    yield launched
    launched.close()
