"""The command lines for a container engine: arguments, variables, mounts, images and logins."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from emulators.batch.agent.environment import MARKER
from emulators.batch.containers.command import (
    Frame,
    InvalidSettings,
    create_arguments,
    surroundings,
)
from emulators.batch.containers.engine import Engine
from emulators.batch.containers.images import ensure_image, qualified

FRAME = Frame(Path("/n"), Path("/n/workitems/j/job-1/t"))


def test_secrets_do_not_appear_among_the_engines_arguments() -> None:
    env = {"TOKEN": "hush", "LD_PRELOAD": "/inside.so", "AZ_BATCH_TASK_ID": "t"}
    arguments = create_arguments({"imageName": "i"}, ["run"], env, FRAME)
    assert "hush" not in " ".join(arguments)
    assert "LD_PRELOAD=/inside.so" in arguments
    outer = surroundings(env, {"PATH": "/bin", "TOKEN": "other", "LD_PRELOAD": "/outside.so"})
    assert outer == {
        "PATH": "/bin",
        "TOKEN": "hush",
        "LD_PRELOAD": "/outside.so",
        "AZ_BATCH_TASK_ID": "t",
    }


def test_the_engines_program_does_not_look_like_a_task_that_was_left_running() -> None:
    env = {MARKER: "/n/workitems/j/job-1/t"}
    assert f"{MARKER}=/n/workitems/j/job-1/t" in create_arguments({}, [], env, FRAME)
    assert surroundings(env, {"PATH": "/bin"}) == {"PATH": "/bin"}


def test_mounts_are_the_nodes_root_or_what_is_listed() -> None:
    def volumes(mounts: object) -> list[str]:
        settings = {"imageName": "i", "containerHostBatchBindMounts": mounts}
        arguments = create_arguments(settings, [], {}, FRAME)
        return [b for a, b in pairwise(arguments) if a == "--volume"]

    assert volumes(None) == ["/n:/n"]
    assert volumes([]) == []
    listed = [{"source": "Shared", "isReadOnly": True}, {"source": "Task"}]
    task = "/n/workitems/j/job-1/t"
    assert volumes(listed) == ["/n/shared:/n/shared:ro", f"{task}:{task}"]
    with pytest.raises(InvalidSettings, match="no preparation task"):
        volumes([{"source": "JobPrep"}])


def test_an_image_without_a_registry_is_the_default_registrys() -> None:
    names = ("debian", "user/tool:2", "reg.example:5000/x", "localhost/y")
    assert [qualified(name) for name in names] == [
        "docker.io/library/debian",
        "docker.io/user/tool:2",
        "reg.example:5000/x",
        "localhost/y",
    ]


ENGINE_SCRIPT = """#!/bin/sh
echo "$@" >> {log}
case "$1 $2" in "image inspect") exit 1;; esac
cat "$3" >> {log}
echo "denied: s3cret is wrong" >&2; exit 1
"""


def test_a_registrys_password_goes_into_a_private_file_and_never_into_a_message(
    tmp_path: Path,
) -> None:
    program, log = tmp_path / "podman", tmp_path / "log"
    program.write_text(ENGINE_SCRIPT.format(log=log))
    program.chmod(0o755)
    login = {"registryServer": "reg.example", "username": "u", "password": "s3cret"}
    engine = Engine("podman", str(program))
    failure = asyncio.run(ensure_image(engine, "reg.example/x", [login]))
    assert failure is not None
    assert "s3cret" not in log.read_text() + str(failure.document())
    assert '"auth": "dTpzM2NyZXQ="' in log.read_text()
    assert not Path(log.read_text().split("--authfile ")[1].split()[0]).exists()
