"""Tasks as users of their own: a program learns nothing of what belongs to other tasks."""

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.starting.start import start_for_request
from tests.e2e.local import Stack
from tests.patience import until

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="for want of root, to run tasks as other users"),
    pytest.mark.timeout(300),
]
ENVIRONMENTS = "*/startup/wd/environments/*"
# What all tasks of a node read: what prepared a job, and what is shared.
PREPARED = re.compile(r"/jobpreparation/|/shared/|/startup/")
# The interpreter of this process may be closed to other users.
OPTIONS = ("--users", "map", "--node-path", "/usr/local/bin:/usr/bin:/bin")


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """Make a folder that other users can pass; those of pytest are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="users-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stack(room: Path) -> Iterator[Stack]:
    stack = Stack(room, "benign", batch_options=OPTIONS)
    cpu = stack.definitions / "pools/cpu.yaml"
    one_node = cpu.read_text("utf-8").replace("maximum: 4", "maximum: 1")
    cpu.write_text(one_node, "utf-8")
    equip(stack.definitions)
    stack.start()
    yield stack
    stack.stop()


def equip(definitions: Path) -> None:
    """Add an environment with one package, and a pipeline whose program imports it."""
    environments, wheel = definitions / "task_scripts/environments", io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("tiny_package.py", "")
    digest = hashlib.sha256(wheel.getvalue()).hexdigest()
    pin = f"tiny-package==1 --hash=sha256:{digest}\n"
    (environments / "tiny.txt").write_text(pin, "utf-8")
    with zipfile.ZipFile(environments / "tiny.zip", "w") as packed:
        packed.writestr("tiny_package-1-py3-none-any.whl", wheel.getvalue())
    pipelines = definitions / "pipelines"
    strict = (pipelines / "strict-acts.yaml").read_text("utf-8").replace("strict/", "equipped/")
    equipped = strict.replace("program: act.py,", "program: act.py, environment: tiny,")
    (pipelines / "equipped.yaml").write_text(equipped, "utf-8")
    vault = definitions / "secrets.local.yaml"
    vault.touch(0o600)
    vault.write_text("my-vault/guarded: secret-of-vaults\n", "utf-8")


def asked(stack: Stack, name: str, key: str, source: str = "", **parameters: str) -> str:
    """Ask for a run; return its id."""
    facts = stack.engine.ports.blobs.head(BlobRef("input", source)) if source else None
    pipeline = stack.engine.catalogue.pipelines[name]
    return start_for_request(stack.engine, pipeline, key, facts, parameters).run.id


def spied(stack: Stack, neighbour: Path) -> dict:
    """Let a program look at everything; return what it told."""
    given = {"data": str(stack.local.data), "neighbour": str(neighbour)}
    run, _ = stack.succeeded(asked(stack, "spying", str(neighbour), **given))
    with zipfile.ZipFile(io.BytesIO(stack.output(run)["told.zip"])) as packed:
        return json.loads(packed.read("told.json"))


def working_folders(stack: Stack) -> list[Path]:
    return list((stack.local.data / "batch/nodes").glob("*/workitems/*/job-1/t*/wd"))


def test_a_program_learns_nothing_of_others_on_its_node_and_changes_nothing(
    stack: Stack, room: Path
):
    ref, gate = BlobRef("input", "guarded/one.txt"), room / "gate"
    stack.engine.ports.writer.write(ref, b"secret-of-one\n")
    waiting = asked(stack, "guarded", "one", ref.name, gate=str(gate))
    beside = until(lambda: at_work(stack, gate), 60, "a neighbour", lambda: stack.tell(waiting))
    # While it works, its node stays; another task has been there and left its files.
    counted, _ = stack.succeeded(stack.upload("texts/a.txt", b"secret-of-words\n", "word-count"))
    assert json.loads(stack.output(counted)["words.json"]) == {"words": 1}
    (before,) = (folder for folder in working_folders(stack) if folder != beside)
    assert b"secret-of-vaults" in content(beside)  # a file that its program may read
    for folder, secret in ((beside, b"secret-of-one"), (before, b"secret-of-words")):
        assert secret in content(folder)
        told = spied(stack, folder)
        assert folder.is_relative_to(told["node"])
        assert told["user"] not in (0, folder.stat().st_uid)
        assert (told["broken"], told["secrets"]) == ([], [])
        assert [path for path in told["readable"] if not PREPARED.search(path)] == []
        assert told["writable"] == [f"{told['node']}/shared"]
    gate.touch()
    run, _ = stack.succeeded(waiting)
    assert stack.output(run) == {"copy.txt": b"secret-of-one\n"}


def test_an_environment_is_read_by_all_tasks_and_changed_by_none(stack: Stack, room: Path):
    gate = room / "second-gate"
    lines = b"import tiny_package\nwait %s\n" % bytes(gate)
    waiting = stack.upload("equipped/a.txt", lines, "equipped")  # meanwhile its node stays
    nodes = stack.local.data / "batch/nodes"
    (made,) = until(lambda: [p for p in nodes.glob(ENVIRONMENTS) if p.is_symlink()], 60)
    assert not list(nodes.glob("*/shared/*"))
    for folder in (made.resolve() / "bin", made.parent):
        told = spied(stack, folder)
        assert folder.is_relative_to(told["node"])
        assert told["broken"] == ["list"]
    gate.touch()
    run, _ = stack.succeeded(waiting)
    assert stack.output(run) == {"done.txt": lines}


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def at_work(stack: Stack, gate: Path) -> Path | None:
    """Return the working folder of the task whose program waits."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(gate) in words and words[0] == "sh":
            return next(f for f in working_folders(stack) if words[-1].startswith(f"{f}/"))
    return None
