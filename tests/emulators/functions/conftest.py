"""A storage emulator for all tests of the host, and one host for each test that asks for it."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
import uuid
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueServiceClient

from emulators._keys import VARIABLE
from tests.patience import LIMIT_S, stretched

REPOSITORY = Path(__file__).parents[3]
SAMPLE_APP = Path(__file__).parent / "sample_app"
KEY = base64.b64encode(b"k" * 64).decode()


def launch(*arguments, stderr, key=""):
    """Start an emulator; its ready line is the first line of stdout."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, **({VARIABLE: key} if key else {})},
        text=True,
    )


def end(process):
    """Stop a process and wait for it."""
    process.terminate()
    process.wait(stretched(LIMIT_S))
    process.stdout.close()


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    data = tmp_path_factory.mktemp("storage")
    with (data / "stderr").open("w") as stderr:
        process = launch(
            "emulators.storage", "--port", "0", "--data", str(data), stderr=stderr, key=KEY
        )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        end(process)


class Host:
    """A functions host with the sample app and queues of its own."""

    def __init__(self, folder, connection_string):
        self.folder = folder
        self.prefix = f"q{uuid.uuid4().hex[:8]}-"
        self.queues = QueueServiceClient.from_connection_string(connection_string)
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self.settings = {
            "AzureWebJobsStorage": connection_string,
            "SCRATCH": str(self.scratch),
            "PREFIX": self.prefix,
            "TICK": "0 0 0 1 1 *",
            "AzureWebJobs.switched_off.Disabled": "true",
        }

    def start(self, *flags, **settings):
        path = self.folder / "settings.json"
        path.write_text(json.dumps({"Values": self.settings | settings}))
        with self.log.open("a") as stderr:
            self.process = launch(
                "emulators.functions", "--port", "0", "--data", str(self.folder / "data"),
                "--app", str(SAMPLE_APP), "--settings", str(path), *flags, stderr=stderr,
            )  # fmt: skip
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.ready = json.loads(line)
        self.keys = json.loads(Path(self.ready["keys"]).read_text())
        return self

    @property
    def log(self):
        return self.folder / "host.log"

    def logged(self, message):
        whole, _, _ = self.log.read_text().rpartition("\n")  # The last line may still grow.
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if line["message"] == message]

    def queue(self, name):
        return self.queues.get_queue_client(self.prefix + name)

    def put(self, queue, text):
        with contextlib.suppress(ResourceExistsError):
            self.queue(queue).create_queue()
        self.queue(queue).send_message(base64.b64encode(text.encode()).decode())

    def peek(self, queue):
        try:
            messages = self.queue(queue).peek_messages(max_messages=32)
        except ResourceNotFoundError:
            return []
        return [base64.b64decode(message.content).decode() for message in messages]

    def is_empty(self, queue):
        return self.queue(queue).get_queue_properties().approximate_message_count == 0

    def all_notes(self):
        path = self.scratch / "notes.jsonl"
        return list(map(json.loads, path.read_text().splitlines())) if path.exists() else []

    def notes(self, function):
        return [note for note in self.all_notes() if note["function"] == function]

    def call(self, path, method="GET", body=None, **headers):
        """Return status, headers and body of a request."""
        request = urllib.request.Request(
            self.ready["endpoint"] + path, data=body, method=method, headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=stretched(LIMIT_S)) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def kill(self):
        """Kill the host as the loss of its machine would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(stretched(LIMIT_S))
        self.process.stdout.close()

    def stop(self):
        """End the host cleanly; return its exit code."""
        end(self.process)
        return self.process.returncode

    def close(self):
        self.queues.close()
        if hasattr(self, "process") and self.process.poll() is None:
            self.stop()


@pytest.fixture
def host(tmp_path, storage):
    made = Host(tmp_path, storage["connection_string"])
    yield made
    made.close()


@pytest.fixture(scope="module")
def steady_host(tmp_path_factory, storage):
    """Run one host for all tests of a module that leave it as they found it."""
    made = Host(tmp_path_factory.mktemp("host"), storage["connection_string"])
    yield made.start()
    made.close()
