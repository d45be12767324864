"""A node's folders as Batch prepares them, and the runner started in them."""

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import stretched

SCRIPTS = Path(__file__).parents[2] / "task_scripts"
RUNTIME = SCRIPTS / "runtime"
RUNTIME_FILES = tuple(sorted(RUNTIME.rglob("[er]*.py")))


class Node:
    """Runs one task as a node does, and returns its receipt."""

    def __init__(self, scripts: Path, folder: Path) -> None:
        self.scripts, self.folder = scripts, folder
        self.environ: dict[str, str] = {}
        self.python, self.path = [sys.executable, "-S", "-E"], "/usr/bin:/bin"
        self.page: dict[str, Any] = {
            "version": 1,
            "run": "encode-1",
            "generation": 2,
            "page": 0,
            "program": {"file": None, "command": None, "arguments": [], "environment": None},
            "item_timeout_s": 20.0,
            "tries": {},
            "inputs": [],
            "tasks": [{"number": 7, "inputs": [], "items": []}],
        }
        self.item()

    def sh(self, script: str, *arguments: str) -> "Node":
        """Make the program a shell script that gets the arguments as $1 and on."""
        self.page["program"]["command"] = ["sh", "-c", script, "sh"]
        self.page["program"]["arguments"] = list(arguments)
        return self

    def item(self, *inputs: str, **parameters: object) -> "Node":
        """Replace the items by one item with these inputs and parameters."""
        one = {"id": 0, "inputs": list(inputs), "parameters": parameters}
        self.page["tasks"][0]["items"] = [one]
        return self

    def items(self, count: int) -> "Node":
        """Replace the items by this many items without inputs and parameters."""
        self.page["tasks"][0]["items"] = [
            {"id": number, "inputs": [], "parameters": {}} for number in range(count)
        ]
        return self

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the runner as the task's command does."""
        (self.folder / "page.json").write_text(json.dumps(self.page))
        command = [*self.python, str(self.scripts / "runner.py")]
        environ = {"FANFARE_TASK": "7", "PATH": self.path, "AZ_BATCH_NODE_ID": "tvmps_1"}
        environ |= self.environ
        return subprocess.Popen(command, cwd=self.folder, env=environ, stderr=subprocess.PIPE)

    def run(self) -> dict[str, Any]:
        """Run the task; return its receipt."""
        with self.start() as runner:
            _, errors = runner.communicate(timeout=stretched(30))
        assert (runner.returncode, errors) == (0, b"")
        (path,) = self.folder.glob("r-*.json")
        receipt: dict[str, Any] = json.loads(path.read_bytes())
        assert path.name == f"r-{receipt['attempt']}.json"
        return receipt

    def run_one(self) -> dict[str, Any]:
        """Run the task; return its only item."""
        (item,) = self.run()["items"]
        return dict(item)

    @property
    def log(self) -> str:
        """Return the text of the log."""
        (path,) = self.folder.glob("l-*.txt")
        return path.read_text()


class Witness:
    """A named pipe: a process that writes into it is alive, and its end means that none is."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait_for_word(self) -> None:
        """Wait until somebody has written."""
        select.select([self._fd], [], [], stretched(20))
        assert os.read(self._fd, 100)

    def wait_for_end(self) -> None:
        """Wait until all writers have ended."""
        os.set_blocking(self._fd, True)
        assert os.read(self._fd, 100) == b""

    def all_gone(self) -> bool:
        """Return whether there were writers and none is left."""
        try:
            return os.read(self._fd, 100) != b"" and os.read(self._fd, 100) == b""
        except BlockingIOError:
            return False

    def is_gone(self) -> bool:
        """Return whether none is left, after the words were read."""
        try:
            return os.read(self._fd, 100) == b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._fd)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    seen = Witness(tmp_path / "witness")
    yield seen
    seen.close()


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for file in RUNTIME_FILES:
        shutil.copy(file, folder)
    return folder


@pytest.fixture
def node(scripts: Path, tmp_path: Path) -> Node:
    folder = tmp_path / "wd"
    folder.mkdir()
    return Node(scripts, folder)
