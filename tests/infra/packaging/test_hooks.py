"""What azd runs before it provisions and packages, with programs that only note their calls."""

import os
import subprocess

import pytest
import yaml

from pipeline.cli.project.scaffold import TEMPLATE
from tests.infra.deployment import AZD, ROOT

PROJECT = yaml.safe_load((TEMPLATE / "azure.yaml").read_text("utf-8"))
BOTH = pytest.mark.parametrize("azd", [AZD, PROJECT], ids=["engine", "project"])
REGISTER = "az provider register -n Microsoft.App --wait"


def noting(folder, name, code=0):
    """Make a program that notes its name and its words, and ends with a code."""
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/calls\nexit {code}\n', "utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def calls(tmp_path):
    """Run a hook's script with programs that note what they are asked."""
    for name in ("az", "fanfare", "make"):
        noting(tmp_path, name)

    def run(script, cwd=tmp_path, **environ):
        known = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **environ}
        done = subprocess.run(["sh", "-c", script], cwd=cwd, env=known, check=False)
        noted = tmp_path / "calls"
        return done.returncode, noted.read_text("utf-8").splitlines() if noted.exists() else []

    return run


def preprovision(azd):
    return azd["hooks"]["preprovision"]["posix"]["run"]


@BOTH
def test_a_private_network_registers_the_provider_that_no_template_names(azd, calls):
    """Without it the deployment of the app ends with InternalServerError."""
    code, made = calls(preprovision(azd), FANFARE_PRIVATE_NETWORK="true", AZURE_SUBSCRIPTION_ID="s")
    assert code == 0
    assert f"{REGISTER} --subscription s" in made


@BOTH
def test_before_azd_knows_its_subscription_az_asks_its_own(azd, calls):
    code, made = calls(preprovision(azd), FANFARE_PRIVATE_NETWORK="true")
    assert (code, made.count(REGISTER)) == (0, 1)


@BOTH
@pytest.mark.parametrize("private", [{}, {"FANFARE_PRIVATE_NETWORK": "false"}])
def test_without_a_private_network_nobody_needs_az(azd, private, calls):
    code, made = calls(preprovision(azd), **private)
    assert code == 0
    assert not [line for line in made if line.startswith("az ")]


@BOTH
def test_a_provider_that_cannot_be_registered_stops_the_deployment(azd, calls, tmp_path):
    noting(tmp_path, "az", code=3)
    assert calls(preprovision(azd), FANFARE_PRIVATE_NETWORK="true")[0] == 3


@BOTH
def test_azure_is_asked_what_it_would_refuse_once_the_provider_is_registered(azd, calls):
    asked = "fanfare preflight --target demo" if azd is PROJECT else "make preflight"
    values = {"FANFARE_PRIVATE_NETWORK": "true", "AZURE_ENV_NAME": "demo"}
    _, made = calls(preprovision(azd), **values)
    assert made[-2:] == [REGISTER, asked]
    assert calls(preprovision(azd), AZURE_ENV_NAME="demo")[1][-1] == asked


@pytest.mark.parametrize(("answer", "code"), [(0, 0), (1, 1), (3, 0)])
def test_a_refusal_stops_a_project_and_a_missing_login_does_not(answer, code, calls, tmp_path):
    preflight = tmp_path / "fanfare"
    preflight.write_text(f"#!/bin/sh\ntest $1 = package || exit {answer}\n", "utf-8")
    assert calls(preprovision(PROJECT))[0] == code


def test_a_refusal_stops_a_deployment(calls, tmp_path):
    noting(tmp_path, "make", code=2)
    assert calls(preprovision(AZD))[0] == 2


def test_a_project_that_cannot_be_packaged_stops_its_deployment(calls, tmp_path):
    noting(tmp_path, "fanfare", code=5)
    code, made = calls(preprovision(PROJECT), FANFARE_PRIVATE_NETWORK="true")
    assert (code, made) == (5, ["fanfare package"])


@BOTH
def test_windows_does_the_same_and_ends_as_its_commands_end(azd):
    script = azd["hooks"]["preprovision"]["windows"]["run"]
    assert f"{REGISTER} @in\n" in script
    assert "$env:FANFARE_PRIVATE_NETWORK -eq 'true'" in script
    register, _, rest = script.partition(f"{REGISTER} @in\n")
    assert rest.splitlines()[0].strip() == "if ($LASTEXITCODE) { exit $LASTEXITCODE }"
    assert "exit" not in register.partition("$env:FANFARE_PRIVATE_NETWORK")[2]
    *_, asked, tolerated, last = script.splitlines()
    assert " preflight " in asked
    assert (tolerated, last) == ("if ($LASTEXITCODE -eq 3) { exit 0 }", "exit $LASTEXITCODE")


def test_windows_fetches_the_packages_of_the_preflight_with_the_options_of_make():
    script = AZD["hooks"]["preprovision"]["windows"]["run"]
    (install,) = [line for line in script.splitlines() if " -m pip install " in line]
    make = (ROOT / "Makefile").read_text("utf-8")
    recipe = make.partition("# A hook of `azd up`")[0].rpartition("packages of the preflight")[2]
    assert {"--require-hashes", "--no-deps"} <= set(recipe.split())
    given = {word for word in recipe.split() if word.startswith("--")}
    assert given | {"--upgrade"} == {word for word in install.split() if word.startswith("--")}


def prepackage():
    (service,) = AZD["services"].values()
    return service["hooks"]["prepackage"]


def test_packages_and_archives_are_made_by_a_plain_python(calls, tmp_path):
    """A deployer's machine has no environment of the project, and needs none."""
    python = noting(tmp_path, "python3.13")
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "find-python").write_text(f"echo {python}\n", "utf-8")
    code, made = calls(prepackage()["posix"]["run"])
    assert code == 0
    assert made == [
        "python3.13 scripts/deployment/packages.py",
        "python3.13 scripts/deployment/archives.py",
    ]
    assert all((ROOT / line.split()[1]).is_file() for line in made)
    for line in made:
        assert f"py -3.13 {line.split()[1]}" in prepackage()["windows"]["run"]


def test_without_a_python_the_package_is_not_made(calls, tmp_path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "find-python").write_text("exit 1\n", "utf-8")
    assert calls(prepackage()["posix"]["run"]) == (1, [])
