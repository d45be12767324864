"""The app's packages travel with it, as wheels for Linux: Azure builds nothing."""

import hashlib
import re
import subprocess
import zipfile

import pytest

from scripts.deployment.packages import install
from tests.infra.deployment import AZD, ROOT, TEMPLATE


@pytest.fixture
def requirements(tmp_path):
    """Pin one wheel, which lies in a folder instead of a package index."""
    wheel = tmp_path / "wheels" / "horn-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("horn.py", "SOUND = 'toot'\n")
        packed.writestr(
            "horn-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: horn\nVersion: 1.0\n"
        )
        packed.writestr("horn-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        packed.writestr("horn-1.0.dist-info/RECORD", "")
    path = tmp_path / "requirements.txt"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    path.write_text(
        f"--no-index\n--find-links {wheel.parent}\nhorn==1.0 --hash=sha256:{digest}\n", "utf-8"
    )
    return path


def test_packages_are_installed_once_for_the_same_pins(requirements, tmp_path):
    packages = tmp_path / ".python_packages"
    assert install(requirements, packages) is True
    assert (packages / "lib" / "site-packages" / "horn.py").is_file()
    assert install(requirements, packages) is False


def test_a_wheel_with_another_digest_is_not_installed_nor_taken_for_installed(
    requirements, tmp_path
):
    text = requirements.read_text("utf-8")
    requirements.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", text), "utf-8")
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            install(requirements, tmp_path / ".python_packages")


def test_the_packages_are_those_of_linux_on_every_machine():
    """pip asks the machine that it runs on about markers: none may leave out what Linux needs."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    markers = {m.strip() for m in re.findall(r"^[\w.-]+==\S+ ; (.*?) \\", text, re.MULTILINE)}
    harmless = re.compile(
        r"sys_platform == 'win32'|(implementation_name|platform_python_implementation) != 'PyPy'"
    )
    assert [m for m in markers for part in m.split(" and ") if not harmless.fullmatch(part)] == []


def test_azure_does_not_build_and_the_packages_are_those_of_its_python():
    (service,) = AZD["services"].values()
    assert service["remoteBuild"] is False
    version = TEMPLATE["parameters"]["pythonVersion"]["defaultValue"]
    assert f'_PYTHON = "{version}"' in (ROOT / "scripts" / "deployment" / "packages.py").read_text(
        "utf-8"
    )
