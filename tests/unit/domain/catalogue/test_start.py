"""What a pool lets its nodes do when they start."""

import json

import pytest

from tests.unit.domain.conftest import POOL

NOT_A_PACKAGE = "is not the name of a Debian package such as poppler-utils"


@pytest.mark.parametrize(
    "name",
    ["a b", "$(id)", "a;id", "-y", "poppler-utils-", "A", "a", "a=1", "a/b", "a'", "./a.deb"],
)
def test_only_names_of_debian_packages_are_packages(workshop, name):
    workshop.pool("cpu", f"{POOL}packages: [{json.dumps(name)}]\n")
    (found,) = workshop.problems()
    assert found == f"pools/cpu.yaml:6: packages[0]: {name!r} {NOT_A_PACKAGE}"


def test_packages_need_an_image_that_has_apt(workshop):
    text = POOL.replace("batch.node.ubuntu 24.04", "batch.node.el 9")
    workshop.pool("cpu", f"{text}packages: poppler-utils\n")
    (found,) = workshop.problems()
    assert "packages need an image of Ubuntu or Debian: install them by start" in found


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (None, "pools/setup.sh cannot be read: No such file or directory"),
        (b"echo\n", "pools/setup.sh does not say what runs it: begin it with a line such as"),
        (b"#!/bin/sh\r\n", "pools/setup.sh has a carriage return in its first line"),
        (b"#!/bin/sh\n\xff", "pools/setup.sh is not a text in UTF-8"),
        (b"#!/bin/sh\n" + b"x" * 16384, "pools/setup.sh has more than 16 KiB"),
    ],
)
def test_a_script_that_cannot_run_when_a_node_starts_is_refused(workshop, script, reason):
    if script is not None:
        (workshop.root / "pools/setup.sh").write_bytes(script)
    workshop.pool("cpu", f"{POOL}start: setup.sh\n")
    (found,) = workshop.problems()
    assert found.startswith(f"pools/cpu.yaml:6: start: {reason}")


def test_a_script_outside_of_pools_is_refused(workshop):
    workshop.pool("cpu", f"{POOL}start: ../setup.sh\n")
    (found,) = workshop.problems()
    assert "is not a plain file name without folders" in found


def test_a_pool_has_the_text_of_its_script(workshop):
    (workshop.root / "pools/setup.sh").write_text("#!/bin/sh\necho ü\n")
    workshop.pool("cpu", f"{POOL}start: setup.sh\n")
    assert workshop.load().pools["cpu"].script == "#!/bin/sh\necho ü\n"
