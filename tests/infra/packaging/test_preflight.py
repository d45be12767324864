"""`make preflight`, as the hook of azd runs it: few packages, and an exit code that azd obeys."""

import re
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

from tests.infra.deployment import ROOT

ASKED = """
import sys
from pathlib import Path
from pipeline.cli.main import main
sys.argv = ["fanfare", "preflight", "--location", "westeurope", "--name", "demo"]
try:
    main()
except SystemExit as ended:
    code = ended.code
files = [Path(getattr(one, "__file__", None) or "") for one in list(sys.modules.values())]
parts = {f.parts[f.parts.index("site-packages") + 1] for f in files if "site-packages" in f.parts}
print(code, *sorted(part.removesuffix(".py") for part in parts))
"""


@pytest.fixture
def make(tmp_path):
    """Run `make preflight` in a folder whose Python notes its words, and ends with a code."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("scripts", "requirements"):
        (tmp_path / name).mkdir()
    (tmp_path / "requirements/preflight.txt").touch()

    def run(code, **environ):
        python = tmp_path / "python"
        python.write_text(
            f'#!/bin/sh\necho "$* [$PYTHONPATH]" >> {tmp_path}/calls\n'
            f'[ "$2" = pip ] && mkdir -p {tmp_path}/.venv/preflight || exit {code}\n'
        )
        python.chmod(0o755)
        (tmp_path / "scripts/find-python").write_text(f"echo {python}\n")
        known = {"PATH": "/usr/bin:/bin", **environ}
        done = subprocess.run(
            ["make", "preflight"], cwd=tmp_path, env=known, check=False, capture_output=True
        )
        return done.returncode, (tmp_path / "calls").read_text().splitlines()

    return run


@pytest.mark.parametrize(("answer", "code"), [(0, 0), (1, 2), (2, 2), (3, 0)])
def test_a_refusal_stops_azd_and_a_missing_login_does_not(make, answer, code):
    assert make(answer)[0] == code


def test_the_packages_of_the_preflight_alone_are_fetched_and_only_once(make, tmp_path):
    make(0, AZURE_ENV_NAME="demo")
    _, calls = make(0, AZURE_ENV_NAME="demo")
    install, first, second = calls
    assert install.startswith("-m pip install") and "-r requirements/preflight.txt" in install
    assert first == second
    assert " preflight --target .azure/demo " in first
    assert first.endswith(f"[{tmp_path}:{tmp_path}/.venv/preflight]")


def test_the_preflight_imports_nothing_but_the_packages_that_are_fetched_for_it():
    done = subprocess.run(
        [sys.executable, "-c", ASKED], cwd=ROOT, check=False, capture_output=True, text=True,
        env={"PATH": "/nonexistent", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    code, *imported = done.stdout.splitlines()[-1].split()
    assert code == "3", done.stderr  # there is no az
    pins = (ROOT / "requirements/preflight.txt").read_text("utf-8")
    fetched = set(re.findall(r"^([a-z0-9-]+)==", pins, re.MULTILINE))
    # Several packages may share a folder, as those of OpenTelemetry do.
    makers = [metadata.packages_distributions().get(part, []) for part in imported]
    makers = [{name.lower().replace("_", "-") for name in one} for one in makers if one]
    assert {"typer"} in makers
    assert [one for one in makers if not one & fetched] == []
