"""Images come from a real registry that asks for a password."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models

from emulators.batch.containers.engine import Engine
from emulators.batch.transfer.identities import Identities
from tests.emulators.batch.containers.images import PASSWORD, USER, Registry, registry
from tests.emulators.batch.containers.tasks import inside
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/x/userAssignedIdentities/puller"
STRANGER = "/subscriptions/s/resourceGroups/g/providers/x/userAssignedIdentities/stranger"


@pytest.fixture(scope="module")
def images(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def image(images: Registry, engine: Engine, tmp_path: Path) -> Iterator[str]:
    """Return the name of an image that only the registry has."""
    name = images.hold(engine, "tools:1", tmp_path)
    yield name
    subprocess.run([engine.path, "rmi", "--force", name], check=False, capture_output=True)


@pytest.fixture
def emulator(
    images: Registry, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Emulator]:
    for name, value in images.environment.items():
        monkeypatch.setenv(name, value)
    logins = {images.address: {"username": USER, "password": PASSWORD}}
    storage = {"account": "a", "key": "aw==", "blobEndpoint": "http://127.0.0.1:1/a"}
    identities = tmp_path / "identities.json"
    known = {IDENTITY: {**storage, "registries": logins}, STRANGER: storage}
    identities.write_text(json.dumps(known))
    flags = ("--container-engine", engine.name, "--identities", str(identities))
    found = Emulator(tmp_path / "data", *flags)
    yield found
    assert found.stop() == 0


def login(address: str, password: str = PASSWORD) -> models.ContainerRegistryReference:
    return models.ContainerRegistryReference(
        registry_server=address, username=USER, password=password
    )


def by_identity(address: str, resource_id: str) -> models.ContainerRegistryReference:
    reference = models.BatchNodeIdentityReference(resource_id=resource_id)
    return models.ContainerRegistryReference(registry_server=address, identity_reference=reference)


def says_here(emulator: Emulator, task_id: str, image: str, **more: object) -> bool:
    settings = inside(image, container_run_options="--rm", **more)
    emulator.run("j", task_id, shell("echo here"), container_settings=settings)
    return emulator.file("j", task_id, "stdout.txt") == "here\n"


def test_a_node_pulls_before_it_is_idle(emulator: Emulator, images: Registry, image: str) -> None:
    emulator.add_container_pool("p", [image], [login(images.address)])
    until(lambda: [node.state for node in emulator.client.list_nodes("p")] == ["idle"])
    emulator.add_job("j", "p")
    assert says_here(emulator, "t", image)


@pytest.mark.parametrize("whose", ["pool's", "task's", "identity's"])
def test_a_tasks_image_comes_with_a_login_of_the_pool_or_of_its_own(
    emulator: Emulator, images: Registry, image: str, whose: str
) -> None:
    address = images.address
    logins = {
        "pool's": [login(address)],
        "task's": [],
        "identity's": [by_identity(address, IDENTITY.upper())],
    }
    emulator.add_container_pool("p", [], logins[whose])
    emulator.add_job("j", "p")
    own = {"registry": login(address)} if whose == "task's" else {}
    assert says_here(emulator, "t", image, **own)


@pytest.mark.parametrize("given", ["no login", "a wrong password"])
def test_a_registry_that_refuses_makes_the_node_unusable_and_keeps_the_password(
    emulator: Emulator, images: Registry, image: str, given: str
) -> None:
    logins = [] if given == "no login" else [login(images.address, "knock knock")]
    emulator.add_container_pool("p", [image], logins)
    until(lambda: [node.state for node in emulator.client.list_nodes("p")] == ["unusable"])
    (node,) = emulator.client.list_nodes("p")
    told = {one.name: one.value for one in node.errors[0].error_details}
    assert node.errors[0].code == "ContainerInvalidImage"
    assert told["ContainerImage"] == image
    refusals = ("unauthorized", "no basic auth credentials")  # The words of Podman and of Docker.
    assert any(words in told["Message"].lower() for words in refusals)
    assert "knock" not in str(node.as_dict())


@pytest.mark.parametrize(("server", "identity"), [("", STRANGER), ("myregistry", IDENTITY)])
def test_a_registry_that_does_not_open_is_named(
    emulator: Emulator, images: Registry, image: str, server: str, identity: str
) -> None:
    server = server or images.address
    emulator.add_container_pool("p", [image], [by_identity(server, identity)])
    until(lambda: [node.state for node in emulator.client.list_nodes("p")] == ["unusable"])
    (node,) = emulator.client.list_nodes("p")
    told = {one.name: one.value for one in node.errors[0].error_details}
    assert node.errors[0].code == "ContainerInvalidRegistry"
    assert node.errors[0].message == "One or more container registries specified are invalid"
    assert told["ContainerRegistry"] == server
    assert told["Message"]


def test_logins_of_an_identity_that_lack_a_password_end_the_start(tmp_path: Path) -> None:
    entry = {"account": "a", "key": "aw==", "blobEndpoint": "http://127.0.0.1:1/a"}
    file = tmp_path / "identities.json"
    file.write_text(json.dumps({IDENTITY: {**entry, "registries": {"r.io": {"username": "u"}}}}))
    with pytest.raises(SystemExit, match="registries"):
        Identities.read(file)
