"""The README's first lines work; its table of flags and its versions are true."""

import json
import re
from pathlib import Path

import pytest

from emulators._keys import VARIABLE
from emulators.batch.command_line import ACCOUNT, flags_table
from emulators.batch.wire.versions import VERSIONS
from tests.emulators.batch.running import Emulator

README = Path("emulators/batch/README.md").read_text("utf-8")
PYTHON = Path("requirements/batch-14.txt").read_text("utf-8")


def test_the_first_example_runs_on_a_plain_emulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    emulator = Emulator(tmp_path, "--account", ACCOUNT, key="")
    code = README.partition("```python\n")[2].partition("```")[0]
    known: dict[str, object] = {}
    code = code.replace("http://127.0.0.1:8484", emulator.endpoint)
    exec(code.replace(".batch/", f"{tmp_path}/"), known)
    emulator.client.close()
    emulator.client = known["client"]
    emulator.finished("job", "task")
    assert emulator.file("job", "task", "stdout.txt").startswith("hello from tvmps_")
    emulator.stop()


def test_the_table_of_flags_is_the_parsers() -> None:
    assert flags_table() in README


def test_the_readme_names_the_versions_that_are_tested() -> None:
    package = json.loads(Path("tests/emulators/batch/clients/package.json").read_text("utf-8"))
    pinned = {name: short(version) for name, version in package["dependencies"].items()}
    (older,) = re.findall(r"^azure-batch==(\S+)", PYTHON, re.MULTILINE)
    for named in (
        f"`@azure/batch` {pinned['@azure/batch']} ",
        f"`@azure-rest/core-client` {pinned['@azure-rest/core-client']}, ",
        f"`azure-batch` {short(older)} ",
        f"from {min(VERSIONS)} to {max(VERSIONS)}.",
    ):
        assert named in README.replace("\n", " ")


def short(version: str) -> str:
    return ".".join(version.split(".")[:2])
