"""What the nodes of a pool install, and this machine lacks, is named with its remedy."""

import os

import pytest

from tests.unit.cli.conftest import LINES

PACKAGES = ("poppler-utils", "g++", "tesseract-ocr")


@pytest.fixture
def dpkg(tmp_path, monkeypatch):
    """Put a dpkg-query in front of the machine's, which knows what it is told."""

    def knows(*lines):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        told = "".join(f"echo '{line}'\n" for line in lines)
        (folder / "dpkg-query").write_text(f"#!/bin/sh\n{told}exit 1\n")
        (folder / "dpkg-query").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return knows


@pytest.fixture
def planned(cli_with):
    """Plan a run on a pool that installs packages; return how the command ended."""
    cli = cli_with(LINES)
    pools = cli.app.engine.catalogue.pools

    def plan(*more, **changes):
        pools["cpu"] = pools["cpu"].model_copy(update={"packages": PACKAGES, **changes})
        return cli("plan", "job", cli.file(), *more)

    return plan


def test_a_plan_names_what_this_machine_lacks_and_the_command_that_installs_it(planned, dpkg):
    dpkg("poppler-utils installed", "tesseract-ocr config-files")
    said = planned().stderr
    assert "Nodes of pool cpu install g++, tesseract-ocr, and this machine" in said
    assert "`sudo apt-get install --yes g++ tesseract-ocr`" in said


def test_a_machine_that_has_everything_is_not_mentioned(planned, dpkg):
    dpkg(*(f"{name} installed" for name in PACKAGES))
    assert "apt-get" not in planned().stderr


def test_a_machine_without_dpkg_lacks_all(planned, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"--yes {' '.join(PACKAGES)}`" in planned().stderr


def test_programs_get_what_is_lacking_as_a_list(planned, dpkg):
    dpkg("g++ installed")
    assert (
        '"lacking": [\n    "poppler-utils",\n    "tesseract-ocr"\n  ]' in planned("--json").stdout
    )


def test_a_script_that_only_nodes_run_is_mentioned(planned, dpkg):
    dpkg()
    said = planned(packages=(), start="setup.sh").stderr
    assert said.count("run pools/setup.sh when they start; the local stack does not.") == 1
