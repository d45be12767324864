"""What the engine relies on when it resolves the name of an image."""

import pytest

from pipeline.errors import ImageRefused, Transient
from tests import images
from tests.fakes.world import fake_ports


@pytest.fixture(params=["fake", "adapter"])
def world(request):
    """Return ports, the name of an image that is there, and one that nobody has."""
    nobody = "127.0.0.1:9/nobody/has:1"
    if request.param == "fake":
        fake = fake_ports()
        fake.images.refused[nobody] = "127.0.0.1:9 has no such image"
        return fake.ports, "registry.example/tools/x:1", nobody
    return request.getfixturevalue("services").ports, images.shell_image(), nobody


def test_a_name_stands_for_one_image_until_it_is_moved(world):
    ports, image, _ = world
    found = ports.images.resolve(image)
    assert found == ports.images.resolve(image)
    assert found.digest and "amd64" in found.architectures
    assert found.reference.startswith(image.rpartition(":")[0])


def test_a_name_that_cannot_be_resolved_is_an_error_with_the_name_of_the_registry(world):
    ports, _, nobody = world
    with pytest.raises((ImageRefused, Transient), match=r"127\.0\.0\.1:9"):
        ports.images.resolve(nobody)
