"""The command lines for a container engine: arguments, variables, mounts, images and logins."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from emulators.batch.agent.environment import MARKER
from emulators.batch.containers.command import Wanted, create_arguments, surroundings
from emulators.batch.containers.engine import Engine
from emulators.batch.containers.images import ensure_image, qualified
from emulators.batch.containers.logins import login_for, objection_to, opened
from emulators.batch.containers.mounts import Frame, read_mounts
from emulators.batch.containers.options import InvalidSettings
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure

FRAME = Frame(Path("/n"), Path("/n/workitems/j/job-1/t"))


def arguments_of(settings: Doc, env: Mapping[str, str] | None = None) -> list[str]:
    return create_arguments(Wanted(settings, ("run",), env or {}, env or {}, FRAME))


def nobody(_identity: str, _server: str) -> None:
    """Open no registry."""


def test_secrets_do_not_appear_among_the_engines_arguments() -> None:
    env = {"TOKEN": "hush", "LD_PRELOAD": "/inside.so", "AZ_BATCH_TASK_ID": "t"}
    arguments = arguments_of({"imageName": "i"}, env)
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
    assert f"{MARKER}=/n/workitems/j/job-1/t" in arguments_of({}, env)
    assert surroundings(env, {"PATH": "/bin"}) == {"PATH": "/bin"}


def volumes(mounts: object) -> list[str]:
    settings = {"imageName": "i", "containerHostBatchBindMounts": mounts}
    return [b for a, b in pairwise(arguments_of(settings)) if a == "--volume"]


def test_mounts_are_the_nodes_root_or_what_is_listed() -> None:
    assert volumes(None) == ["/n:/n"]
    assert volumes([]) == []
    listed = [{"source": "Shared", "isReadOnly": True}, {"source": "Task"}]
    task = "/n/workitems/j/job-1/t"
    assert volumes(listed) == ["/n/shared:/n/shared:ro", f"{task}:{task}"]
    with pytest.raises(InvalidSettings, match="no preparation task"):
        volumes([{"source": "JobPrep"}])


def test_the_variables_of_folders_that_are_not_mounted_are_taken_out() -> None:
    env = {
        "AZ_BATCH_NODE_ROOT_DIR": "/n",
        "AZ_BATCH_NODE_SHARED_DIR": "/n/shared",
        "AZ_BATCH_TASK_WORKING_DIR": "/n/workitems/j/job-1/t/wd",
        "AZ_BATCH_JOB_ID": "j",
        "MINE": "/n/shared",
    }

    def left(mounts: object) -> set[str]:
        settings = {"imageName": "i", "containerHostBatchBindMounts": mounts}
        given = arguments_of(settings, env)
        return {b.partition("=")[0] for a, b in pairwise(given) if a == "--env"}

    assert left(None) == set(env)
    assert left([]) == {"AZ_BATCH_JOB_ID", "MINE"}
    with_task = {"AZ_BATCH_JOB_ID", "MINE", "AZ_BATCH_TASK_WORKING_DIR"}
    assert left([{"source": "Task"}]) == with_task


def test_a_gangs_shared_folder_comes_with_the_task() -> None:
    gang = Path("/n/workitems/j/job-1/t.coordination/wd")
    settings = {"imageName": "i", "containerHostBatchBindMounts": [{"source": "Task"}]}
    found = read_mounts(settings, replace(FRAME, gang=gang))
    assert [folder for folder, _ in found.folders] == [FRAME.directory, gang]


@pytest.mark.parametrize(
    ("engine", "arguments"),
    [
        (Engine("podman", "/podman"), ("--user", "7:8")),
        (Engine("docker", "/docker"), ("--user", "7:8")),
        (Engine("podman", "/p", is_rootless=True), ("--user", "7:8", "--userns", "keep-id")),
        (Engine("docker", "/d", is_rootless=True), ()),
    ],
)
def test_a_container_gets_the_tasks_user_as_its_engine_can_give_it(
    engine: Engine, arguments: tuple[str, ...]
) -> None:
    assert engine.identity("7:8") == arguments
    assert engine.identity("") == ()


def test_options_that_name_a_network_replace_this_machines() -> None:
    assert "--network" in arguments_of({"imageName": "i"})
    own = arguments_of({"imageName": "i", "containerRunOptions": "--net none"})
    assert ("--network=none" in own, "--network" in own) == (True, False)


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
    failure = asyncio.run(ensure_image(engine, "reg.example/x", [login], nobody))
    assert failure is not None
    assert "s3cret" not in log.read_text() + str(failure.document())
    assert '"auth": "dTpzM2NyZXQ="' in log.read_text()
    assert not Path(log.read_text().split("--authfile ")[1].split()[0]).exists()


def test_an_image_without_the_registrys_host_is_pulled_without_a_login() -> None:
    login = {"registryServer": "docker.io", "username": "u", "password": "p"}
    assert login_for("docker.io/u/private", [login]) == login
    assert login_for("u/private", [login]) is None


@pytest.mark.parametrize(
    ("server", "code", "named"),
    [
        ("myregistry", "ContainerInvalidRegistry", "ContainerRegistry"),
        ("MyRegistry.azurecr.io", "ContainerInvalidImage", "ContainerImage"),
    ],
)
def test_a_registry_that_is_named_wrongly_is_refused_before_any_pull(
    server: str, code: str, named: str
) -> None:
    refused = objection_to([{"registryServer": "fine.azurecr.io"}, {"registryServer": server}])
    assert refused is not None
    assert (refused.code, refused.details[named]) == (code, server)
    assert objection_to([{"registryServer": "fine.azurecr.io"}, {}]) is None


def test_an_identity_that_opens_no_registry_says_what_to_do() -> None:
    registry = {"registryServer": "r.azurecr.io", "identityReference": {"resourceId": "/id"}}
    refused = opened(registry, nobody)
    assert isinstance(refused, Failure)
    assert refused.code == "ContainerInvalidRegistry"
    assert refused.details["ContainerRegistry"] == "r.azurecr.io"
    assert "--identities" in refused.details["Message"]
    assert opened(registry, lambda *_: ("u", "p")) == ("u", "p")
