"""Archives of wheels, one for each kind of processor, made by pip of wheels in a folder."""

import hashlib
import platform
import zipfile

import pytest

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.archives import archive_of, wanted_of

TAG = "cp312-cp312-manylinux_2_28"


@pytest.fixture
def pinned(tmp_path):
    """Pin one package, which has a wheel for each of these machines."""

    def write(*machines, condition=""):
        digests = []
        for machine in machines:
            wheel = tmp_path / f"horn-1.0-{TAG}_{machine}.whl"
            with zipfile.ZipFile(wheel, "w") as packed:
                packed.writestr("horn.py", f"FOR = {machine!r}\n")
                about = "Metadata-Version: 2.1\nName: horn\nVersion: 1.0\n"
                packed.writestr("horn-1.0.dist-info/METADATA", about)
                packed.writestr("horn-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
            digests.append(f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}")
        path = tmp_path / "tools.txt"
        pin = " ".join([f"horn==1.0{condition}", *digests])
        path.write_text(f"--no-index\n--find-links {tmp_path}\n{pin}\n", "utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("architecture", "name", "machine"),
    [("amd64", "tools.zip", "x86_64"), ("arm64", "tools.arm64.zip", "aarch64")],
)
def test_an_archive_has_the_wheels_of_its_processors(pinned, tmp_path, architecture, name, machine):
    archive = archive_of(pinned("x86_64", "aarch64"), tmp_path, architecture)
    assert archive.name == name
    assert archive.with_name(f"{name}.sha256").is_file()
    with zipfile.ZipFile(archive) as packed:
        assert packed.namelist() == [f"horn-1.0-{TAG}_{machine}.whl"]


def test_a_package_without_wheels_for_arm_is_refused_and_leaves_no_archive(pinned, tmp_path):
    with pytest.raises(CommandError, match=r"tools\.txt cannot be fetched for aarch64"):
        archive_of(pinned("x86_64"), tmp_path, "arm64")
    assert not list(tmp_path.glob("*.zip*"))


def test_conditions_on_the_processor_are_not_judged_by_another_machine(pinned, tmp_path):
    """pip would leave out, without a word, what only the other processor needs."""
    condition = "; platform_machine == 'none'"
    other = "amd64" if platform.machine() == "aarch64" else "arm64"
    with pytest.raises(CommandError, match=r"tools\.txt has packages that depend on") as refused:
        archive_of(pinned("x86_64", "aarch64", condition=condition), tmp_path, other)
    assert refused.value.code is Exit.USAGE


def test_an_environment_is_for_the_processors_that_pipelines_want(tmp_path):
    for name in ("both", "arm", "unused"):
        (tmp_path / f"{name}.txt").touch()
    wanted = wanted_of(tmp_path, {"both": ["amd64", "arm64"], "arm": ["arm64"], "gone": ["amd64"]})
    assert [(path.stem, architecture) for path, architecture in wanted] == [
        ("arm", "arm64"),
        ("both", "amd64"),
        ("both", "arm64"),
        ("unused", "amd64"),
    ]
