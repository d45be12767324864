"""The Batch emulator in a container: built on Debian, and used as its README says."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from emulators.batch.containers.engine import find_engine
from scripts.images import stack
from tests import images
from tests.depth import EVERYTHING
from tests.e2e.local import ROOT
from tests.needs import missing
from tests.patience import stretched, until

RECIPE = replace(stack.RECIPES["batch-emulator"], name="localhost/batch-emulator:tests")
CONTAINER = "batch"  # as on the page
README = (ROOT / "emulators/batch/README.md").read_text("utf-8")
pytestmark = [
    pytest.mark.skipif(not EVERYTHING, reason="`make test-all` builds an image of the emulator"),
    pytest.mark.timeout(900),
]


@dataclass(frozen=True)
class Engine:
    """Podman or Docker, with what it needs to run something on this machine."""

    program: str
    flags: tuple[str, ...]

    def __call__(self, *words: str) -> str:
        more = self.flags if words[0] == "run" else ()
        done = subprocess.run(
            [self.program, words[0], *more, *words[1:]],
            capture_output=True, text=True, timeout=stretched(240), check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Build the image, and start it by the page's command."""
    found = asyncio.run(find_engine("auto"))
    if found is None:
        missing("Podman or Docker", "podman runc")
    stack.build(found.path, RECIPE, images.debian(found.path))
    made = Engine(found.path, found.flags)
    section = README.partition("## In a container\n")[2]
    start = section.partition("```sh\n")[2].splitlines()[0].split()
    assert (start[0], start[-1]) == ("docker", stack.RECIPES["batch-emulator"].name)
    made(*start[1:-1], RECIPE.name)
    try:
        until(lambda: "endpoint" in made("logs", CONTAINER), what="the emulator's ready line")
        yield made
    finally:
        made("rm", "--force", CONTAINER)


def test_the_readmes_first_task_runs_in_it(engine, tmp_path, capsys):
    (tmp_path / "key").write_text(engine("exec", CONTAINER, "cat", "/data/key"))
    code = README.partition("```python\n")[2].partition("```")[0]
    known = {}
    exec(code.replace(".batch/", f"{tmp_path}{os.sep}"), known)
    known["client"].close()
    assert capsys.readouterr().out.startswith("hello from tvmps_")


def test_nobody_in_it_is_root_and_it_knows_that_it_is_healthy(engine):
    assert engine("exec", CONTAINER, "id", "-u").split() == ["10001"]
    check = stack.ROOT / "emulators/batch/Containerfile"
    program = check.read_text("utf-8").partition('"-c", "')[2].partition('"]')[0]
    engine("exec", CONTAINER, "python", "-c", program)


def test_it_ends_in_order(engine):
    engine("stop", "--time", "60", CONTAINER)
    assert engine("inspect", "--format", "{{.State.ExitCode}}", CONTAINER).strip() == "0"
