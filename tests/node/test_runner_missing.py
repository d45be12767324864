"""What only the developer's machine has is out of a program's sight, and its failure says so."""

import json
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from emulators.batch.service.machines.node_image import NodeImage
from task_scripts.runtime.runner_missing import explain
from tests.node.conftest import Node

PROGRAM = (
    "import os, numpy; open(os.environ['FANFARE_OUTPUT'] + '/o', 'w').write(str(numpy.ones(2)))"
)


@pytest.fixture
def local(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """Give the node the image of the local stack; `own-tool` is on the developer's PATH alone."""
    tool = tmp_path / "mine" / "own-tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    image = NodeImage(tmp_path)
    image.make()
    node.path, node.python = image.path, [str(tmp_path / "image/bin/python3")]
    node.scripts = Path(shutil.copytree(node.scripts, tmp_path / "scripts"))
    (node.scripts / "program.py").write_text(PROGRAM)
    node.page["program"]["file"] = "program.py"
    return node


def prepare(node: Node, *names: str) -> None:
    """Prepare an environment with these packages, as the job's preparation does."""
    pins = [f"{name}=={metadata.version(name)} \\\n --hash=sha256:00\n" for name in names]
    (node.scripts / "own.txt").write_text("".join(pins))
    node.page["program"]["environment"] = "own.txt"
    command = [*node.python, str(node.scripts / "environment.py"), "own.txt"]
    environ = {"PATH": node.path, "AZ_BATCH_NODE_SHARED_DIR": str(node.folder.parent / "shared")}
    subprocess.run(command, env=environ, check=True, capture_output=True)


def forget(node: Node) -> None:
    """Remove the receipt, so that the node can run once more."""
    next(node.folder.glob("r-*.json")).unlink()


def test_a_package_of_the_developer_fails_a_program_and_the_tail_says_what_to_do(
    local: Node,
) -> None:
    item = local.run_one()
    assert (item["cause"], item["exit_code"]) == ("program-failed", 1)
    assert item["tail"].endswith(
        "The program exited with code 1. The node's Python has no module numpy. "
        f"This machine has it in {Path(metadata.distribution('numpy').locate_file(''))}, which "
        "nodes do not see. Give the program an `environment` with its package, or use an image "
        "that has it."
    )


def test_an_environment_has_its_own_packages_and_no_other(local: Node) -> None:
    prepare(local, "numpy")
    assert local.run_one()["outcome"] == "succeeded"
    (local.scripts / "program.py").write_text("import imageio_ffmpeg")
    forget(local)
    tail = local.run_one()["tail"]
    assert "The node's Python has no module imageio_ffmpeg. This machine has it in" in tail
    assert "Add its package to the environment (own.txt)" in tail


def test_an_environment_outlives_the_packages_that_it_was_made_of(
    local: Node, tmp_path: Path
) -> None:
    found = metadata.distribution("iniconfig")
    packages = tmp_path / "site-packages"
    for file in found.files or ():
        (packages / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(found.locate_file(file)), packages / file)
    (tmp_path / "image/machine.json").write_text(json.dumps({"packages": [str(packages)]}))
    prepare(local, "iniconfig")
    shutil.rmtree(packages)
    (local.scripts / "program.py").write_text("import iniconfig")
    assert local.run_one()["outcome"] == "succeeded"


def test_a_program_of_the_developer_is_named_with_its_place(local: Node, tmp_path: Path) -> None:
    hint = (
        f"Nodes have no program own-tool. This machine has it as {tmp_path}/mine/own-tool, which "
        "nodes do not see. If a Debian package has it, name that in `packages` of the pool. "
        "Or use an image that has it."
    )
    local.page["program"] |= {"file": None, "command": ["own-tool"]}
    item = local.run_one()
    assert item["cause"] == "program-missing"
    assert item["tail"] == f"The program cannot be started: No such file or directory. {hint}"
    forget(local)
    local.sh("own-tool || exit 3")
    assert local.run_one()["tail"].endswith(f"The program exited with code 3. {hint}")
    forget(local)
    (local.scripts / "program.py").write_text("import subprocess; subprocess.run(['own-tool'])")
    local.page["program"] |= {"file": "program.py", "command": None, "arguments": []}
    assert local.run_one()["tail"].endswith(hint)


def test_a_program_that_this_machine_lacks_too_is_named_with_what_installs_it(local: Node) -> None:
    local.page["program"]["command"] = ["no-such-tool"]
    assert local.run_one()["tail"].endswith(
        "Nodes have no program no-such-tool. This machine does not have it either. If a Debian "
        "package has it, name that in `packages` of the pool, and install it here with "
        "`sudo apt-get install --yes PACKAGE`. Or use an image that has it."
    )


@pytest.mark.parametrize(
    "output",
    ["ModuleNotFoundError: No module named '\x1b[31m'", "x: not found", ": not found", "n" * 10**7],
)
def test_nothing_is_said_of_what_no_machine_knows(output: str) -> None:
    assert explain(None, None, output) == ""


def test_without_a_description_of_the_machine_the_remedy_remains(node: Node) -> None:
    (node.scripts / "absent.py").write_text("import no_such_module")
    node.page["program"] |= {"file": "absent.py"}
    tail = node.run_one()["tail"]
    assert "This machine" not in tail
    assert tail.endswith(
        "The node's Python has no module no_such_module. Give the program an `environment` with "
        "its package, or use an image that has it."
    )
