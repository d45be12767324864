"""The local stack in a container: built on Debian, run by Podman, used as docs/ci.md says."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from emulators.batch.containers.engine import find_engine
from pipeline.cli.exits import Exit
from pipeline.cli.project import scaffold
from scripts.images import stack as stack_image
from tests import images
from tests.depth import EVERYTHING
from tests.e2e.local import ROOT
from tests.e2e.projects.pages import blocks, jobs, steps
from tests.needs import missing
from tests.patience import stretched, until

NAME = "localhost/fanfare-stack:tests"
CONTAINER = "fanfare"  # as on the page
READY = ("exec", CONTAINER, "fanfare", "ready", "--data", "/data")
pytestmark = [
    pytest.mark.skipif(not EVERYTHING, reason="`make test-all` builds an image of the stack"),
    pytest.mark.timeout(900),
]


class Runner:
    """A machine that carries out the steps of a job, with Podman in the place of Docker."""

    def __init__(self, folder: Path, program: str, flags: tuple[str, ...]) -> None:
        self.workspace, self._folder, self._program = folder / "films", folder, program
        scaffold.of_template("project").write(self.workspace)
        (self.workspace / "tests").mkdir()
        (self.workspace / "tests/test_shout.py").write_text(blocks("python")[0])
        self.workspace.chmod(0o755)  # the container's user has to read it
        self._variables = folder / "github-env"
        self._variables.touch()
        flagged = f'case $1 in run) shift; set -- run {" ".join(flags)} "$@";; esac'
        self._installs("docker", f'{flagged}\nexec {program} "$@"')
        self._installs("python", f'exec {sys.executable} "$@"')

    def _installs(self, name: str, script: str) -> None:
        path = self._folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def does(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run the script of a step, with the variables that earlier steps have left."""
        lines = self._variables.read_text().splitlines()
        left = dict(line.split("=", 1) for line in lines)
        environment = {
            **os.environ, **left, "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "GITHUB_ENV": str(self._variables), "FANFARE_IMAGE": NAME,
            "PYTEST_PLUGINS": "fanfare.testing", "PYTHONPATH": f"{ROOT}:{ROOT / 'client/src'}",
        }  # fmt: skip
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=self.workspace, env=environment,
            capture_output=True, text=True, timeout=stretched(240), check=False,
        )  # fmt: skip

    def container(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Ask the container engine."""
        command = [self._program, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def runner(tmp_path_factory) -> Iterator[Runner]:
    """Build the image, and carry out the first step of the page's first job."""
    engine = asyncio.run(find_engine("auto"))
    if engine is None:
        missing("Podman or Docker", "podman runc")
    base = images.debian(engine.path)
    stack_image.build(engine.path, replace(stack_image.RECIPES["stack"], name=NAME), base)
    made = Runner(tmp_path_factory.mktemp("ci"), engine.path, engine.flags)
    started = made.does(steps(jobs()[0])["Start Fanfare"])
    try:
        assert started.returncode == 0, started.stderr + made.container("logs", CONTAINER).stdout
        yield made
    finally:
        if "is already in use" not in started.stderr:
            made.container("rm", "--force", CONTAINER)


def test_the_tests_of_a_project_pass_against_the_container(runner):
    tested = runner.does(steps(jobs()[0])["Test"])
    assert tested.returncode == 0, tested.stdout
    assert "1 passed" in tested.stdout
    shown = runner.does(steps(jobs()[0])["Show what the stack did"])
    assert "succeeded" in shown.stdout


def test_nobody_in_it_is_root_and_the_project_stays_as_it_was(runner):
    (uid,) = runner.container("exec", CONTAINER, "id", "-u").stdout.split()
    assert uid == "10001"
    users = runner.container("exec", CONTAINER, "sh", "-c", "cat /proc/[0-9]*/loginuid; id -un")
    assert "root" not in users.stdout.split()
    assert not (runner.workspace / ".fanfare").exists()


def test_only_the_published_ports_are_open_and_only_here(runner):
    ports = json.loads(runner.container("inspect", CONTAINER).stdout)[0]["NetworkSettings"]["Ports"]
    places = {(one["HostIp"], int(one["HostPort"])) for found in ports.values() for one in found}
    assert places == {("127.0.0.1", port) for port in range(7071, 7078)}


def test_the_health_check_of_the_image_is_the_command_and_tells_of_a_service_that_hangs(runner):
    image = json.loads(runner.container("image", "inspect", NAME).stdout)[0]
    health = image.get("Healthcheck") or image["Config"]["Healthcheck"]
    assert health["Test"] == ["CMD", *READY[2:]]
    assert runner.container(*READY).returncode == Exit.OK
    state = json.loads(runner.container("exec", CONTAINER, "cat", "/data/stack.json").stdout)
    pid = state["pids"]["batch"]
    runner.container("exec", CONTAINER, "sh", "-c", f"kill -STOP {pid}")
    try:
        hung = runner.container(*READY)
        assert (hung.returncode, "batch" in hung.stderr) == (Exit.UNREACHABLE, True), hung.stderr
    finally:
        runner.container("exec", CONTAINER, "sh", "-c", f"kill -CONT {pid}")
    until(lambda: runner.container(*READY).returncode == Exit.OK, what="the answer of Batch")


def test_what_is_saved_is_what_the_next_run_uses_and_it_ends_in_order(runner):
    program = runner.workspace / "task_scripts/shout.py"
    program.write_text(program.read_text().replace("line.upper()", "line.title()"))
    test = runner.workspace / "tests/test_shout.py"
    test.write_text(test.read_text().replace("ROSES ARE RED", "Roses Are Red"))
    tested = runner.does(steps(jobs()[0])["Test"])
    assert tested.returncode == 0, tested.stdout
    stopped = runner.container("stop", "--time", "60", CONTAINER)
    assert stopped.returncode == 0
    state = json.loads(runner.container("inspect", CONTAINER).stdout)[0]["State"]
    assert state["ExitCode"] == 128 + 15
